import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { GrantEvents, Revoked } from '../grants/grant-events.js';
import { type GrantKey, grantId } from '../grants/grant.js';

/** Names a user in logs without saying who it is. */
export function ownerTag(key: GrantKey): string {
  return createHash('sha256').update(grantId(key)).digest('base64url').slice(0, 12);
}

function about(key: GrantKey) {
  return { registration: key.registration, ownerType: key.owner.type, owner: ownerTag(key) };
}

function aboutRevoked(whose: Revoked | undefined) {
  if (whose?.owner === undefined) return { registration: whose?.registration };
  return about({ registration: whose.registration, owner: whose.owner });
}

/** Writes what happens to grants into the log. */
export function grantLog(log: Logger): GrantEvents {
  return {
    connected: (key) => log.info(about(key), 'grant saved after sign-in'),
    refreshed: (key, tookMs) => log.info({ ...about(key), tookMs }, 'grant refreshed'),
    refreshFailed: (key, err) => log.warn({ ...about(key), err }, 'refresh failed; grant kept'),
    earlyRefreshFailed: (key, err) =>
      log.warn({ ...about(key), err }, 'early refresh failed; going on with the valid token'),
    reconnectNeeded: (key, reason) =>
      log.warn({ ...about(key), reason }, 'grant needs reconnect: the user has to connect again'),
    saveFailed: (key, err) =>
      log.error({ ...about(key), err }, 'refreshed pair could not be saved'),
    replayed: (key) => log.info(about(key), 'refreshed pair saved from the journal'),
    latePairDiscarded: (key) =>
      log.warn(about(key), 'refreshed pair came too late; it was not saved and is being revoked'),
    revokeFailed: (registration, err) => log.warn({ registration, err }, 'revocation failed'),
    revocationConfirmed: (whose) => log.info(aboutRevoked(whose), 'revocation confirmed at last'),
    revocationGivenUp: (whose, err) =>
      log.error(
        { ...aboutRevoked(whose), err },
        'revocation given up after a day: the user has to remove the connection at Fullscript',
      ),
    disconnected: (key, outcome) => log.info({ ...about(key), outcome }, 'grant disconnected'),
  };
}
