import { TokenEndpointError, type TokenEndpointErrorCode } from '../oauth/errors.js';
import type { Registration, RegistrationId } from '../oauth/registration.js';
import type { Secret } from '../oauth/secret.js';
import type { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { TokenSet } from '../oauth/token-set.js';
import type { GrantEvents } from './grant-events.js';

export interface RevokeDeps {
  readonly tokenEndpoint: TokenEndpoint;
  readonly registration: (id: RegistrationId) => Registration;
  readonly events: GrantEvents;
}

export type Pair = Pick<TokenSet, 'refreshToken' | 'accessToken'>;

/**
 * The tokens of a pair in the order in which they are revoked. The refresh token comes first: servers of
 * this kind ignore an expired access token, and one call then ends nothing.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7009.html#section-2.1
 */
export function tokensOf({ refreshToken, accessToken }: Pair): Secret[] {
  return refreshToken === undefined ? [accessToken] : [refreshToken, accessToken];
}

/**
 * Revokes one token. 200 is the answer for an unknown one too.
 *
 * @returns undefined, or what went wrong, which is reported and never thrown.
 * @see https://www.rfc-editor.org/rfc/rfc7009.html#section-2.2
 */
export async function revokeToken(
  deps: RevokeDeps,
  registration: RegistrationId,
  token: Secret,
): Promise<{ error: unknown } | undefined> {
  try {
    await deps.tokenEndpoint.revoke(deps.registration(registration), token);
    return undefined;
  } catch (error) {
    deps.events.revokeFailed(registration, error);
    return { error };
  }
}

/** Refusals of one token. Whatever else goes wrong would go wrong with the next one too. */
const OF_THIS_TOKEN = new Set<TokenEndpointErrorCode>([
  'invalid_grant',
  'invalid_request',
  'unauthorized_client',
]);

/**
 * Revokes tokens one after the other.
 *
 * @returns those that were not confirmed, and the last reason.
 */
export async function revokeInOrder(
  deps: RevokeDeps,
  registration: RegistrationId,
  tokens: readonly Secret[],
): Promise<{ left: readonly Secret[]; error?: unknown }> {
  const left: Secret[] = [];
  let failure: { error: unknown } | undefined;
  for (const [index, token] of tokens.entries()) {
    const failed = await revokeToken(deps, registration, token);
    if (failed === undefined) continue;
    failure = failed;
    left.push(token);
    if (!isOfThisToken(failed.error))
      return { left: [...left, ...tokens.slice(index + 1)], ...failed };
  }
  return { left, ...failure };
}

function isOfThisToken(error: unknown): boolean {
  return error instanceof TokenEndpointError && OF_THIS_TOKEN.has(error.code);
}
