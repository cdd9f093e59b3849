import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { apiUrlFor } from './api-path.js';
import { type HeldAnswer, UNBOUNDED } from './answer-room.js';
import type { ApiMeasures } from './api-measures.js';
import type { EndTurn } from './call-turns.js';
import { FullscriptApiError } from './errors.js';
import { exchange } from './exchange.js';
import { locationOf } from './location.js';
import { passingAnswerHeaders, passingRequestHeaders } from './passing-headers.js';
import { type CallOutcome, retryDelay } from './retry-policy.js';

/** Where the client gets its bearer from; what stands behind it knows about grants, this folder not. */
export interface TokenSource {
  /** An access token that is good now. */
  readonly current: () => Promise<string>;
  /** One to use instead of `rejected`, which Fullscript has answered with 401. */
  readonly replacing: (rejected: string) => Promise<string>;
  /** Told whether the call with the replaced token got through, or was answered 401 again. */
  readonly replaced?: (accepted: boolean) => void;
}

export interface ApiRequest {
  readonly method: string;
  /** Below the API base, starting with a slash: `/clinic/patients`. */
  readonly path: string;
  /** Without the question mark. */
  readonly query?: string | undefined;
  /** Whole, so that it can be sent again after a 401. */
  readonly body?: Uint8Array | undefined;
  /** Instead of the one among `headers`. */
  readonly contentType?: string | undefined;
  /** Of the client that the call is made for. Only those that concern Fullscript are sent (`passing-headers.ts`). */
  readonly headers?: IncomingHttpHeaders | undefined;
}

export interface ApiResponse {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfter: string | undefined;
  /** Where it leads: a path below the API base, or an absolute URL of another place. Never followed here. */
  readonly location: string | undefined;
  /** The other headers that concern a client, by name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Fullscript's resource API as one user sees it. */
export interface ApiClient {
  /**
   * Sends a request with the bearer attached. A 401 renews the token and repeats the request once
   * (a request answered 401 was not carried out); a second 401 is returned like any other answer.
   *
   * @throws ApiPathError, FullscriptApiError when there is no answer, CallNotSentError when it gets no
   *   turn, and what the token source throws.
   * @see https://www.rfc-editor.org/rfc/rfc6750.html#section-2.1
   */
  readonly request: (request: ApiRequest) => Promise<ApiResponse>;
}

/** One request that goes out, without what tells users or patients apart. */
export interface OutgoingCall {
  readonly method: string;
  readonly hostname: string;
  /** How often the same request was sent before. */
  readonly resent: number;
}

/** Sees each request that goes out: calls `send`, and answers what it answers. */
export type AroundCall = (call: OutgoingCall, send: () => Promise<Sent>) => Promise<Sent>;
export type Sent = ApiResponse | FullscriptApiError;

const straight: AroundCall = (_call, send) => send();
const unbounded = () => UNBOUNDED;
const atOnce = () => Promise.resolve(() => undefined);

export function createApiClient(deps: {
  apiUrl: string;
  tokenSource: TokenSource;
  timeoutMs: number;
  sleep?: (ms: number) => Promise<unknown>;
  aroundCall?: AroundCall | undefined;
  measures?: ApiMeasures | undefined;
  /** Waits until a call to this origin may be sent; without it each is sent at once. */
  takeTurn?: (origin: string) => Promise<EndTurn>;
  /** Takes room for an answer, which is kept until it is no longer needed; without it there is no bound. */
  holdAnswer?: () => HeldAnswer;
}): ApiClient {
  const { apiUrl, tokenSource, timeoutMs, sleep = wait } = deps;
  const { aroundCall = straight, measures, takeTurn = atOnce, holdAnswer = unbounded } = deps;

  async function send(sending: Sending, token: string): Promise<ApiResponse> {
    const { request, url } = sending;
    const { method } = request;
    for (let attempt = 1; ; attempt += 1) {
      const held = holdAnswer();
      const endTurn = await takeTurn(url.origin);
      const call = { method, hostname: url.hostname, resent: sending.sent };
      sending.sent += 1;
      const once = () => sendOnce({ request, url, token, timeoutMs, apiUrl, held });
      const sent = measured(method, () => aroundCall(call, once), measures);
      const result = await sent.finally(endTurn);
      const pause = retryDelay({ attempt, method, outcome: outcomeOf(result) });
      if (pause === undefined) return answerOf(result);
      held.drop();
      measures?.retried('passing');
      await sleep(pause);
    }
  }

  return {
    request: async (request) => {
      const url = apiUrlFor(apiUrl, request.path, request.query);
      const token = await tokenSource.current();
      const sending = { request, url, sent: 0 };
      const answer = await send(sending, token);
      if (answer.status !== 401) return withoutBearer(answer, token);
      const replacement = await tokenSource.replacing(token);
      measures?.retried('unauthorized');
      const second = await send(sending, replacement);
      tokenSource.replaced?.(second.status !== 401);
      return withoutBearer(second, replacement);
    },
  };
}

/** An error page that shows the request as it came would show the bearer to the browser. */
function withoutBearer(answer: ApiResponse, token: string): ApiResponse {
  const { status, contentType, requestId, retryAfter, location, headers, body } = answer;
  const parts = [contentType, requestId, retryAfter, location, ...Object.values(headers), body];
  const repeats = parts.some((part) => part?.includes(token));
  const inUrl = location?.includes(encodeURIComponent(token)) === true;
  if (repeats || inUrl) throw new FullscriptApiError('fullscript_unexpected', { status });
  return answer;
}

async function measured(
  method: string,
  send: () => Promise<Sent>,
  measures: ApiMeasures | undefined,
): Promise<Sent> {
  const startedAt = performance.now();
  const result = await send();
  const outcome = result instanceof FullscriptApiError ? result.code : result.status;
  measures?.called({ method, outcome, tookMs: performance.now() - startedAt });
  return result;
}

function answerOf(result: Sent): ApiResponse {
  if (result instanceof FullscriptApiError) throw result;
  return result;
}

function outcomeOf(result: Sent): CallOutcome {
  if (!(result instanceof FullscriptApiError)) return result.status;
  return result.code === 'fullscript_unreachable' ? 'connection_lost' : 'given_up';
}

interface Sending {
  readonly request: ApiRequest;
  readonly url: URL;
  /** How often, with whichever token. */
  sent: number;
}

interface OneCall {
  readonly request: ApiRequest;
  readonly url: URL;
  readonly token: string;
  readonly timeoutMs: number;
  readonly apiUrl: string;
  readonly held: HeldAnswer;
}

async function sendOnce(of: OneCall): Promise<Sent> {
  const { request, url, token, timeoutMs, apiUrl, held } = of;
  const { method, body, contentType } = request;
  const headers = {
    ...passingRequestHeaders(request.headers ?? {}),
    authorization: `Bearer ${token}`,
    'user-agent': 'fullscript-connect',
    ...(contentType !== undefined && { 'content-type': contentType }),
  };
  try {
    const sent = { method, url, headers, body, timeoutMs };
    const { status, header, body: answer } = await exchange(sent, held);
    return {
      status,
      contentType: header('content-type'),
      requestId: header('x-request-id'),
      retryAfter: header('retry-after'),
      location: locationOf(header('location'), { apiUrl, from: url }),
      headers: passingAnswerHeaders(header),
      body: answer,
    };
  } catch (error) {
    if (error instanceof FullscriptApiError) return error;
    throw error;
  }
}
