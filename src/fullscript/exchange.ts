import type { IncomingHttpHeaders } from 'node:http';
import { createRequire } from 'node:module';
import type { Agent, Dispatcher } from 'undici';
import { startDeadline } from '../deadline.js';
import { type HeldAnswer, LARGEST_ANSWER, SMALL_ANSWER, UNBOUNDED } from './answer-room.js';
import { UnknownCodingError, codingsAccepted, decoded } from './content-coding.js';
import { CallNotSentError, FullscriptApiError } from './errors.js';

/** One request as it goes over the wire. */
export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  /** For everything, from the connection to the last byte. */
  readonly timeoutMs: number;
}

export interface Received {
  readonly status: number;
  /** A header as a text that may be sent on, the first of several; undefined when there is none. */
  readonly header: (name: string) => string | undefined;
  /** Unpacked. */
  readonly body: Buffer;
}

/** To one origin. Calls that take turns (`call-turns.ts`) are never more; others wait within their own time. */
export const CONNECTIONS = 256;

class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

let opened: Agent | undefined;

/**
 * Opens the client; the first call does it otherwise. Loading it takes as long as a hundred calls. By `require`:
 * what could not be loaded by `import`, perhaps for want of files, is not tried again.
 */
export function openApiCalls(): Agent {
  if (opened !== undefined) return opened;
  const undici = createRequire(import.meta.url)('undici') as typeof import('undici');
  opened = new undici.Agent({ connections: CONNECTIONS });
  return opened;
}

/**
 * Sends a request and reads its answer, whatever its status. Redirects are answers. It stands in the way of
 * every call that goes through the gateway, so it listens to undici's events itself.
 *
 * @param held the room for the answer: it stays taken when this succeeds, and is given back otherwise.
 * @throws FullscriptApiError `fullscript_timeout`, `answer_room_full`, `fullscript_unexpected` when the answer is too large or
 *   packed in a way nobody asked for, else `fullscript_unreachable`. What happened below is left behind:
 *   it may carry the request's headers, and with them the bearer.
 */
export async function exchange(sent: Exchange, held: HeldAnswer = UNBOUNDED): Promise<Received> {
  try {
    const answer = await dispatch(openApiCalls(), sent, held);
    const body = await unpacked(answer, held);
    held.settle(body.length);
    return {
      status: answer.status,
      header: (name) => headerText(answer.headers[name]),
      body,
    };
  } catch (error) {
    held.drop();
    if (error instanceof CallNotSentError) throw error;
    throw new FullscriptApiError(codeOf(error, sent.method));
  }
}

async function unpacked({ headers, body }: Answer, held: HeldAnswer): Promise<Buffer> {
  const coding = codingOf(headers);
  if (coding === '' || body.length === 0) return body;
  try {
    return await decoded(body, { coding, most: SMALL_ANSWER });
  } catch (error) {
    if (!isTooLarge(error)) throw error;
  }
  await held.roomFor(LARGEST_ANSWER);
  return await decoded(body, { coding, most: LARGEST_ANSWER });
}

function codingOf(headers: IncomingHttpHeaders): string {
  return [headers['content-encoding'] ?? []].flat().join(', ');
}

/** How large an answer may become. */
function largestOf(headers: IncomingHttpHeaders): number {
  const announced = Number(headers['content-length']);
  return codingOf(headers) === '' && announced < LARGEST_ANSWER ? announced : LARGEST_ANSWER;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Said twice, the first counts, as in Node; what a header of ours may not hold is left out. */
function headerText(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text?.replace(/[^\t\x20-\x7e]/g, '');
}

function dispatch(agent: Agent, sent: Exchange, held: HeldAnswer): Promise<Answer> {
  const { method, url, headers, body, timeoutMs } = sent;
  return new Promise((resolve, reject) => {
    const answer = collect({ resolve, reject, timeoutMs, held });
    // A part of a body that was packed cannot be unpacked.
    const coding = 'range' in headers ? 'identity' : codingsAccepted;
    const wanted = { ...headers, 'accept-encoding': coding };
    const options: Dispatcher.DispatchOptions = {
      ...{ origin: url.origin, path: `${url.pathname}${url.search}`, headers: wanted },
      method,
      ...(body !== undefined && { body }),
      // One deadline for everything is enough.
      ...{ headersTimeout: 0, bodyTimeout: 0 },
    };
    agent.dispatch(options, answer);
  });
}

/** Puts an answer together, and gives up at the deadline. */
function collect(to: {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
  timeoutMs: number;
  held: HeldAnswer;
}): Dispatcher.DispatchHandler {
  const { resolve, reject, timeoutMs, held } = to;
  const body = createBody();
  let isLarge = false;
  let head: Omit<Answer, 'body'> = { status: 0, headers: {} };
  let controller: Dispatcher.DispatchController | undefined;
  let givenUp: Error | undefined;
  const giveUp = (error: Error) => {
    givenUp = error;
    reject(error);
    controller?.abort(error);
  };
  const stop = startDeadline(timeoutMs, () => giveUp(new DeadlineError()));
  return {
    onRequestStart: (current) => {
      controller = current;
      // It waited for a connection until nobody waited for it any more.
      if (givenUp !== undefined) current.abort(givenUp);
    },
    onResponseStart: (_controller, status, headers) => {
      head = { status, headers };
    },
    onResponseData: (current, chunk) => {
      const size = body.add(chunk);
      if (size > LARGEST_ANSWER) giveUp(new TooLargeError());
      if (isLarge || size <= SMALL_ANSWER) return;
      isLarge = true;
      current.pause();
      held.roomFor(largestOf(head.headers)).then(() => current.resume(), giveUp);
    },
    onResponseEnd: () => {
      stop();
      resolve({ ...head, body: body.whole() });
    },
    onResponseError: (_controller, error) => {
      stop();
      reject(error);
    },
  };
}

function createBody() {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    /** @returns how large it is now. */
    add: (chunk: Buffer): number => {
      size += chunk.length;
      if (size <= LARGEST_ANSWER) chunks.push(chunk);
      return size;
    },
    whole: (): Buffer => {
      const [only] = chunks;
      return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
    },
  };
}

function codeOf(error: unknown, method: string): FullscriptApiError['code'] {
  const { code } = error as { code?: unknown };
  // What changes something may have been carried out: the same as if no answer had come.
  if (code === 'answer_room_full')
    return method === 'GET' || method === 'HEAD' ? code : 'fullscript_timeout';
  if (error instanceof DeadlineError || code === 'UND_ERR_CONNECT_TIMEOUT') {
    return 'fullscript_timeout';
  }
  const unexpected = isTooLarge(error) || error instanceof UnknownCodingError;
  return unexpected ? 'fullscript_unexpected' : 'fullscript_unreachable';
}

function isTooLarge(error: unknown): boolean {
  // zlib's word for a body that is larger than allowed.
  return (
    error instanceof TooLargeError || (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE'
  );
}
