import { type ClientRequest, type IncomingMessage, get } from 'node:http';
import type { Browser } from './browser.js';
import { until } from './until.js';

/** An open event stream, as far as it has come. */
export interface OpenedStream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Everything as it came. */
  readonly text: () => string;
  /** What came as `state`, in order. */
  readonly states: () => Record<string, unknown>[];
  readonly beats: () => number;
  readonly hasEnded: () => boolean;
  /** Waits for a state with these fields, which came after `from` others. */
  readonly next: (fields: Record<string, unknown>, from?: number) => Promise<void>;
  readonly pause: () => void;
  readonly close: () => void;
}

/** Opens `/portal/events` with a browser's cookies, on a connection of its own. */
export async function openEvents(
  { cookies }: Pick<Browser, 'cookies'>,
  origin: string,
): Promise<OpenedStream> {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const [request, answer] = await answered(`${origin}/portal/events`, cookie);
  let text = '';
  let ended = false;
  answer.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  answer
    .on('error', () => undefined)
    .on('close', () => {
      ended = true;
    });
  const states = () =>
    [...text.matchAll(/^event: state\ndata: (.*)\n\n/gm)].map(
      ([, json]) => JSON.parse(json!) as Record<string, unknown>,
    );
  const matches = (state: Record<string, unknown>, fields: Record<string, unknown>) =>
    Object.entries(fields).every(([name, value]) => state[name] === value);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: () => text,
    states,
    beats: () => text.split(/^:\n\n/gm).length - 1,
    hasEnded: () => ended,
    next: (fields, from = 0) =>
      until(() =>
        states()
          .slice(from)
          .some((state) => matches(state, fields)),
      ),
    pause: () => answer.pause(),
    close: () => request.destroy(),
  };
}

function answered(url: string, cookie: string): Promise<[ClientRequest, IncomingMessage]> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, headers: { cookie } });
    request.once('error', reject);
    request.once('response', (answer) => {
      request.on('error', () => undefined);
      resolve([request, answer]);
    });
  });
}
