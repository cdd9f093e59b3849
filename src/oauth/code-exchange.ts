import { TokenEndpointError } from './errors.js';
import type { Registration } from './registration.js';
import type { Secret } from './secret.js';
import type { TokenEndpoint } from './token-endpoint.js';
import type { TokenSet } from './token-set.js';

/** Fullscript's codes live this long; a code that is older is not worth a request. */
export const CODE_LIFETIME_MS = 10 * 60_000;

/**
 * How long a person is kept waiting on the callback before being asked to start again. Far inside the
 * code's ten minutes.
 */
const PATIENCE_MS = 20_000;
const FIRST_WAIT_MS = 500;

/**
 * Milliseconds until the exchange may be tried again, or `undefined` when it may not: the code
 * could have been received, or the wait would outlast the person or the code.
 */
export function exchangeRetryDelay(at: {
  error: unknown;
  attempt: number;
  elapsedMs: number;
  firstWaitMs?: number | undefined;
}): number | undefined {
  if (!(at.error instanceof TokenEndpointError) || !mayRepeat(at.error)) return undefined;
  // Never sooner than our own pace: a server in trouble that says "0" does not mean a storm.
  const pace = (at.firstWaitMs ?? FIRST_WAIT_MS) * 2 ** (at.attempt - 1);
  const wait = Math.max(pace, at.error.retryAfterMs ?? 0);
  return at.elapsedMs + wait <= PATIENCE_MS ? wait : undefined;
}

/**
 * Exchanges the code at once, and again only where it cannot have been received or Fullscript asked
 * us to come back (429, 503): anything else might be a second use of a code, which is an attack to
 * an authorization server.
 *
 * @throws TokenEndpointError the last one.
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.2 (a code is used once)
 */
export async function exchangeCode(deps: {
  tokenEndpoint: TokenEndpoint;
  registration: Registration;
  code: string;
  codeVerifier?: Secret | undefined;
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
  /** Between the first attempt and the second; doubles from one to the next. */
  firstWaitMs?: number | undefined;
}): Promise<TokenSet> {
  const { tokenEndpoint, registration, code, codeVerifier, now, sleep, firstWaitMs } = deps;
  const startedAt = now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tokenEndpoint.exchangeCode(registration, { code, codeVerifier });
    } catch (error) {
      const elapsedMs = now() - startedAt;
      const wait = exchangeRetryDelay({ error, attempt, elapsedMs, firstWaitMs });
      if (wait === undefined) throw error;
      await sleep(wait);
    }
  }
}

function mayRepeat(error: TokenEndpointError): boolean {
  return error.code === 'unreachable' || error.code === 'rate_limited' || error.status === 503;
}
