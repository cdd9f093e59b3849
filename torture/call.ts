import { request } from 'node:http';
import { text as readText } from 'node:stream/consumers';

/** What came of one request. Times are those of `performance.now()`. */
export interface Answer {
  /** 0 when there was no answer. */
  readonly status: number;
  /** The code of a problem document, or the system's code of a failed connection. */
  readonly code: string | undefined;
  readonly body: string;
  /** Whether it sets or clears a cookie. */
  readonly setsCookie: boolean;
  readonly from: number;
  readonly to: number;
}

/** Longer than anybody may have to wait: a lease, a token call, a queue of both. */
const TIMEOUT_MS = 45_000;

/** A GET on a connection of its own, so that "refused" is told apart from "broken". Never throws. */
export function call(url: string, cookie: string): Promise<Answer> {
  const from = performance.now();
  return new Promise((resolve) => {
    let setsCookie = false;
    const settle = (status: number, code: string | undefined, body = '') =>
      resolve({ status, code, body, setsCookie, from, to: performance.now() });
    const failed = (error: NodeJS.ErrnoException) => settle(0, error.code ?? error.message);
    const headers = { cookie };
    const req = request(url, { headers, agent: false, timeout: TIMEOUT_MS }, (res) => {
      setsCookie = res.headers['set-cookie'] !== undefined;
      readText(res).then((body) => settle(res.statusCode ?? 0, codeOf(body), body), failed);
    });
    req.once('timeout', () => req.destroy(new Error('no answer in time')));
    req.once('error', failed);
    req.end();
  });
}

/** What asks at one server. */
export const askingAt =
  (origin: string) =>
  (visitor: { readonly cookie: () => string }, path = '/api/fullscript/clinic') =>
    call(`${origin}${path}`, visitor.cookie());

export function tookMs({ from, to }: Answer): number {
  return Math.round(to - from);
}

/** For messages: `503 store_unavailable`. */
export function told({ status, code }: Answer): string {
  return [status === 0 ? 'no answer' : status, code].filter((part) => part !== undefined).join(' ');
}

function codeOf(body: string): string | undefined {
  try {
    const { code } = JSON.parse(body) as { code?: unknown };
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}
