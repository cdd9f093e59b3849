import type { Secret } from '../oauth/secret.js';
import type { CustodyDeps } from './custody-deps.js';
import type { Grant, GrantKey } from './grant.js';

/**
 * Revokes both halves of a pair at Fullscript, the refresh token first: servers of this kind ignore
 * an expired access token, and one call then ends nothing.
 *
 * @returns whether Fullscript confirmed both; a failure is reported, never thrown.
 * @see https://www.rfc-editor.org/rfc/rfc7009.html#section-2.1
 */
export async function revokePair(
  deps: CustodyDeps,
  grant: Pick<Grant, 'key' | 'tokens'>,
): Promise<boolean> {
  const { refreshToken, accessToken } = grant.tokens;
  const refreshTokens = refreshToken === undefined ? [] : [refreshToken];
  const refused = await revokeEach(deps, grant.key, [...refreshTokens, accessToken]);
  return refused.length === 0;
}

/** Revokes tokens one after the other; answers those that Fullscript did not confirm. */
export async function revokeEach(
  deps: CustodyDeps,
  key: GrantKey,
  tokens: readonly Secret[],
): Promise<Secret[]> {
  const refused: Secret[] = [];
  for (const token of tokens) {
    try {
      await deps.tokenEndpoint.revoke(deps.registration(key.registration), token);
    } catch (error) {
      deps.events.revokeFailed(key, error);
      refused.push(token);
    }
  }
  return refused;
}
