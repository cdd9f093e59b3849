import http from 'node:http';
import https from 'node:https';
import type { Response } from 'got';
import { startDeadline } from '../deadline.js';
import { TokenEndpointError, oauthErrorIn } from './errors.js';
import type { Registration } from './registration.js';
import { parseRetryAfter } from './retry-after.js';
import type { Secret } from './secret.js';
import { type TokenSet, parseTokenSet } from './token-set.js';

/**
 * Fullscript's token and revocation endpoints: one request, one answer or one typed error. Nothing
 * is retried here, because only the caller knows what may be repeated.
 */
export interface TokenEndpoint {
  /** @see https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.3 */
  readonly exchangeCode: (
    registration: Registration,
    request: { code: string; codeVerifier?: Secret | undefined },
  ) => Promise<TokenSet>;
  /** @see https://www.rfc-editor.org/rfc/rfc6749.html#section-6 */
  readonly refresh: (registration: Registration, refreshToken: Secret) => Promise<TokenSet>;
  /** @see https://www.rfc-editor.org/rfc/rfc7009.html#section-2.1 */
  readonly revoke: (registration: Registration, token: Secret) => Promise<void>;
}

/** Node's and the resolver's codes for "no byte of the request has left". */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
/** A hundred times what Fullscript answers; more is not an answer, and would fill the memory. */
const LARGEST_ANSWER = 128 * 1024;
const TOO_LARGE = new Error('the answer is too large');
/** got tells of it as of its own time-outs. */
const LATE = new DOMException('no answer in time', 'TimeoutError');
const PHASES_BEFORE_SENDING = new Set(['lookup', 'connect', 'secureConnect']);

// A kept-alive connection that the server has just closed fails after the request was written, and
// nobody can tell whether it was read. One connection a call: these calls are rare and must be sure.
const agent = {
  http: new http.Agent({ keepAlive: false }),
  https: new https.Agent({ keepAlive: false }),
};

/** Loads the HTTP client; the first call does it otherwise. */
export function loadTokenCalls() {
  return import('got');
}

/**
 * @param options.timeoutMs how long one call may take, answer included.
 * @param options.revokeTimeoutMs the same for a revocation, where it differs.
 */
export function createTokenEndpoint(options: {
  timeoutMs: number;
  revokeTimeoutMs?: number;
  now: () => number;
}): TokenEndpoint {
  const { timeoutMs, revokeTimeoutMs = timeoutMs, now } = options;

  async function requestTokens(url: string, body: Record<string, string>) {
    const response = await postJson(url, body, timeoutMs);
    const receivedAt = now();
    if (!isSuccess(response)) throw errorFrom(response, receivedAt);
    const serverDate = Date.parse(response.headers.date ?? '');
    return {
      body: jsonOf(response.body),
      receivedAt,
      serverDate: Number.isFinite(serverDate) ? serverDate : undefined,
    };
  }

  return {
    exchangeCode: async (registration, request) => {
      const answer = await requestTokens(
        registration.server.tokenUrl,
        exchangeBody(registration, request),
      );
      return parseTokenSet({ ...answer, mayBeOld: true });
    },

    refresh: async (registration, refreshToken) =>
      parseTokenSet(
        await requestTokens(registration.server.tokenUrl, refreshBody(registration, refreshToken)),
      ),

    revoke: async (registration, token) => {
      const body = { ...credentials(registration), token: token.reveal() };
      const response = await postJson(registration.server.revokeUrl, body, revokeTimeoutMs);
      if (!isSuccess(response) || oauthErrorIn(jsonOf(response.body)) !== undefined) {
        throw errorFrom(response, now());
      }
    },
  };
}

async function postJson(
  url: string,
  body: Record<string, string>,
  timeoutMs: number,
): Promise<Response<string>> {
  const { got, ...errors } = await loadTokenCalls().catch(() => {
    throw new TokenEndpointError('unreachable', { detail: 'the HTTP client cannot be loaded' });
  });
  const ended = new AbortController();
  // got's `request` limit takes a pause of this process for a silence of Fullscript.
  const stop = startDeadline(timeoutMs, () => ended.abort(LATE));
  try {
    const answer = got.post(url, {
      json: body,
      headers: { accept: 'application/json', 'user-agent': 'fullscript-connect' },
      agent,
      responseType: 'text',
      throwHttpErrors: false,
      followRedirect: false,
      retry: { limit: 0 },
      timeout: { connect: Math.min(5_000, timeoutMs) },
      signal: ended.signal,
    });
    void answer.on('downloadProgress', ({ transferred }) => {
      if (transferred > LARGEST_ANSWER) ended.abort(TOO_LARGE);
    });
    return await answer;
  } catch (error) {
    if (ended.signal.reason === TOO_LARGE) throw new TokenEndpointError('invalid_response');
    // No `cause`: got's error carries the request's options, and with them the secret and the token.
    throw new TokenEndpointError(wasSent(error, errors) ? 'no_answer' : 'unreachable', {
      detail: error instanceof errors.RequestError ? error.code : undefined,
    });
  } finally {
    stop();
  }
}

function exchangeBody(
  registration: Registration,
  request: { code: string; codeVerifier?: Secret | undefined },
): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    ...credentials(registration),
    code: request.code,
    redirect_uri: registration.redirectUri,
    ...(request.codeVerifier === undefined ? {} : { code_verifier: request.codeVerifier.reveal() }),
  };
}

function refreshBody(registration: Registration, refreshToken: Secret): Record<string, string> {
  return {
    grant_type: 'refresh_token',
    ...credentials(registration),
    refresh_token: refreshToken.reveal(),
    redirect_uri: registration.redirectUri,
  };
}

function credentials(registration: Registration): { client_id: string; client_secret: string } {
  return {
    client_id: registration.clientId,
    client_secret: registration.clientSecret.reveal(),
  };
}

/** Servers answer 201 too, since something was made; what they made must not be lost over that. */
function isSuccess({ statusCode }: Response<string>): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** The status decides first: a proxy's 502 that quotes `invalid_grant` says nothing about the grant. */
function errorFrom(response: Response<string>, now: number): TokenEndpointError {
  const { statusCode: status } = response;
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], now);
  if (status === 429) return new TokenEndpointError('rate_limited', { status, retryAfterMs });
  if (status >= 500) return new TokenEndpointError('server_error', { status, retryAfterMs });
  const code = isRedirect(response) ? undefined : oauthErrorIn(jsonOf(response.body));
  return new TokenEndpointError(code ?? 'invalid_response', { status });
}

function isRedirect({ statusCode }: Response<string>): boolean {
  return statusCode >= 300 && statusCode < 400;
}

/** Without the byte-order mark that some servers put first, and that JSON does not know. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')) ?? undefined;
  } catch {
    return undefined;
  }
}

function wasSent(
  error: unknown,
  { TimeoutError, RequestError }: Pick<typeof import('got'), 'TimeoutError' | 'RequestError'>,
): boolean {
  if (error instanceof TimeoutError) return !PHASES_BEFORE_SENDING.has(error.event);
  return !(error instanceof RequestError && NOT_SENT.has(error.code));
}
