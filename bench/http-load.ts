import { type Socket, createConnection } from 'node:net';

/** What came of a number of requests. */
export interface LoadResult {
  /** Answers by status; 0 for a request whose connection ended, or that was not answered in time. */
  readonly statuses: ReadonlyMap<number, number>;
  /** From the first request to the last answer. */
  readonly tookMs: number;
  /** Milliseconds of each request, in the order of the answers. */
  readonly latencies: readonly number[];
}

export interface LoadOptions {
  readonly port: number;
  /** Whole requests, as bytes; sent in turn. */
  readonly requests: readonly Buffer[];
  readonly total: number;
  readonly connections: number;
  /** How long to wait for one answer; for ever unless told. */
  readonly limitMs?: number;
}

const HEAD_END = '\r\n\r\n';
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** A GET as it goes over the wire. */
export function getRequest(path: string, cookie = ''): Buffer {
  const cookies = cookie === '' ? '' : `Cookie: ${cookie}\r\n`;
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${cookies}Accept: application/json\r\n\r\n`,
  );
}

/**
 * Sends requests over kept connections, one at a time on each. It knows just as much of HTTP as the answers
 * of the contestants need, so that it costs a fraction of what they do: the other core is shared with Redis
 * and the API.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { port, requests, total, connections, limitMs } = options;
  const statuses = new Map<number, number>();
  const latencies: number[] = [];
  let sent = 0;
  const next = (): Buffer | undefined => {
    if (sent >= total) return undefined;
    sent += 1;
    return requests[(sent - 1) % requests.length];
  };
  const answered = (status: number, ms: number) => {
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    latencies.push(ms);
  };
  const from = performance.now();
  const count = Math.min(connections, total);
  const talk = () => converse({ port, ...(limitMs !== undefined && { limitMs }) }, next, answered);
  await Promise.all(Array.from({ length: count }, talk));
  return { statuses, tookMs: performance.now() - from, latencies };
}

/** @throws Error unless every answer was a 200: what a request costs is of no interest then. */
export async function loadWell(who: string, options: LoadOptions): Promise<LoadResult> {
  const result = await load(options);
  if (result.statuses.get(200) === options.total) return result;
  const counts = [...result.statuses].map(([status, count]) => `${count} × ${status}`).join(', ');
  throw new Error(`${who}: of ${options.total} requests ${counts}`);
}

/** One connection, until there is nothing more to ask, or it ends. */
function converse(
  { port, limitMs }: { port: number; limitMs?: number },
  next: () => Buffer | undefined,
  answered: (status: number, ms: number) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    let received: Buffer | undefined;
    let from: number | undefined;
    const settle = (status: number) => {
      if (from !== undefined) answered(status, performance.now() - from);
      from = undefined;
    };
    const ask = () => {
      const request = next();
      if (request === undefined) {
        socket.destroy();
        return;
      }
      from = performance.now();
      socket.write(request);
    };
    if (limitMs !== undefined) socket.setTimeout(limitMs, () => socket.destroy());
    socket.once('connect', ask);
    // The end follows, and counts.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      settle(0);
      resolve();
    });
    socket.on('data', (chunk) => {
      received = received === undefined ? chunk : Buffer.concat([received, chunk]);
      const status = statusOfWhole(received);
      if (status === undefined) return;
      received = undefined;
      settle(status);
      ask();
    });
  });
}

/** The status of an answer that has arrived whole, else undefined. */
function statusOfWhole(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    return bytes.length >= headEnd + HEAD_END.length + Number(length) ? status : undefined;
  }
  if (/\r\ntransfer-encoding: chunked/i.test(head)) {
    return bytes.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK) ? status : undefined;
  }
  return status;
}
