import type { Registration, RegistrationId } from '../oauth/registration.js';
import type { Secret } from '../oauth/secret.js';
import type { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { Grant } from './grant.js';
import type { GrantEvents } from './grant-events.js';

/**
 * Revokes both halves of a pair at Fullscript, the refresh token first: servers of this kind ignore
 * an expired access token, and one call then ends nothing.
 *
 * @returns whether Fullscript confirmed both; a failure is reported, never thrown.
 * @see https://www.rfc-editor.org/rfc/rfc7009.html#section-2.1
 */
export async function revokePair(
  deps: {
    tokenEndpoint: TokenEndpoint;
    registration: (id: RegistrationId) => Registration;
    events: GrantEvents;
  },
  grant: Pick<Grant, 'key' | 'tokens'>,
): Promise<boolean> {
  const { tokenEndpoint, events } = deps;
  const { refreshToken, accessToken } = grant.tokens;

  async function revoke(token: Secret): Promise<boolean> {
    try {
      await tokenEndpoint.revoke(deps.registration(grant.key.registration), token);
      return true;
    } catch (error) {
      events.revokeFailed(grant.key, error);
      return false;
    }
  }

  const refreshTokenGone = refreshToken === undefined || (await revoke(refreshToken));
  const accessTokenGone = await revoke(accessToken);
  return refreshTokenGone && accessTokenGone;
}
