import type { IncomingHttpHeaders } from 'node:http';
import { Agent, type Dispatcher, errors } from 'undici';
import { UnknownCodingError, codingsAccepted, decoded } from './content-coding.js';
import { FullscriptApiError } from './errors.js';

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
  readonly headers: IncomingHttpHeaders;
  /** Unpacked. */
  readonly body: Buffer;
}

/** Answers are read whole before they go on, so they must end somewhere. Bytes, unpacked. */
const LARGEST_ANSWER = 32 * 1024 * 1024;

/** More at once wait for a connection, within their own time. */
const agent = new Agent({ connections: 256, connect: { keepAlive: true } });

class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * Sends a request and reads its answer, whatever its status. Redirects are answers. It stands in the way of
 * every call that goes through the gateway, so it listens to undici's events itself.
 *
 * @throws FullscriptApiError `fullscript_timeout`, `fullscript_unexpected` when the answer is too large or
 *   packed in a way nobody asked for, else `fullscript_unreachable`. What happened below is left behind:
 *   it may carry the request's headers, and with them the bearer.
 */
export async function exchange(sent: Exchange): Promise<Received> {
  try {
    const { status, headers, body } = await dispatch(sent);
    const coding = headers['content-encoding'];
    if (coding === undefined || body.length === 0) return { status, headers, body };
    return { status, headers, body: await decoded(body, { coding, most: LARGEST_ANSWER }) };
  } catch (error) {
    throw new FullscriptApiError(codeOf(error));
  }
}

function dispatch({ method, url, headers, body, timeoutMs }: Exchange): Promise<Received> {
  return new Promise((resolve, reject) => {
    const answer = collect({ resolve, reject, timeoutMs });
    const wanted = { ...headers, 'accept-encoding': codingsAccepted };
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
  resolve: (received: Received) => void;
  reject: (error: Error) => void;
  timeoutMs: number;
}): Dispatcher.DispatchHandler {
  const { resolve, reject, timeoutMs } = to;
  const body = createBody();
  let head: Omit<Received, 'body'> = { status: 0, headers: {} };
  let controller: Dispatcher.DispatchController | undefined;
  let givenUp: Error | undefined;
  const giveUp = (error: Error) => {
    givenUp = error;
    reject(error);
    controller?.abort(error);
  };
  const deadline = setTimeout(() => {
    giveUp(new DeadlineError());
  }, timeoutMs);
  return {
    onRequestStart: (current) => {
      controller = current;
      // It waited for a connection until nobody waited for it any more.
      if (givenUp !== undefined) current.abort(givenUp);
    },
    onResponseStart: (_controller, status, headers) => {
      head = { status, headers };
    },
    onResponseData: (_controller, chunk) => {
      if (!body.add(chunk)) giveUp(new errors.ResponseExceededMaxSizeError());
    },
    onResponseEnd: () => {
      clearTimeout(deadline);
      resolve({ ...head, body: body.whole() });
    },
    onResponseError: (_controller, error) => {
      clearTimeout(deadline);
      reject(error);
    },
  };
}

function createBody() {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    /** @returns false when that is too much. */
    add: (chunk: Buffer): boolean => {
      size += chunk.length;
      if (size <= LARGEST_ANSWER) chunks.push(chunk);
      return size <= LARGEST_ANSWER;
    },
    whole: (): Buffer => {
      const [only] = chunks;
      return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
    },
  };
}

function codeOf(error: unknown): FullscriptApiError['code'] {
  if (error instanceof DeadlineError || error instanceof errors.ConnectTimeoutError) {
    return 'fullscript_timeout';
  }
  const tooLarge =
    error instanceof RangeError || error instanceof errors.ResponseExceededMaxSizeError;
  if (tooLarge || error instanceof UnknownCodingError) return 'fullscript_unexpected';
  return 'fullscript_unreachable';
}
