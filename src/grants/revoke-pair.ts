import type { RegistrationId } from '../oauth/registration.js';
import type { Secret } from '../oauth/secret.js';
import type { TokenSet } from '../oauth/token-set.js';
import type { CustodyDeps } from './custody-deps.js';

/**
 * Revokes both halves of a pair at Fullscript, the refresh token first: servers of this kind ignore
 * an expired access token, and one call then ends nothing.
 *
 * @returns whether Fullscript confirmed both; a failure is reported, never thrown.
 * @see https://www.rfc-editor.org/rfc/rfc7009.html#section-2.1
 */
export async function revokePair(
  deps: CustodyDeps,
  registration: RegistrationId,
  { refreshToken, accessToken }: Pick<TokenSet, 'refreshToken' | 'accessToken'>,
): Promise<boolean> {
  const refreshTokenGone =
    refreshToken === undefined || (await revokeToken(deps, registration, refreshToken));
  const accessTokenGone = await revokeToken(deps, registration, accessToken);
  return refreshTokenGone && accessTokenGone;
}

/** Revokes tokens of different pairs, at the same time; answers those that were not confirmed. */
export async function revokeEach(
  deps: CustodyDeps,
  registration: RegistrationId,
  tokens: readonly Secret[],
): Promise<Secret[]> {
  const gone = await Promise.all(tokens.map((token) => revokeToken(deps, registration, token)));
  return tokens.filter((_, index) => gone[index] !== true);
}

async function revokeToken(
  deps: CustodyDeps,
  registration: RegistrationId,
  token: Secret,
): Promise<boolean> {
  try {
    await deps.tokenEndpoint.revoke(deps.registration(registration), token);
    return true;
  } catch (error) {
    deps.events.revokeFailed(registration, error);
    return false;
  }
}
