import type { GrantEvents, Revoked } from '../grants/grant-events.js';
import type { Audit } from './audit.js';

/** Audits what happens to grants. */
export function grantAudit(audit: Audit): GrantEvents {
  return {
    connected: (key) => audit('grant_saved', { key, message: 'grant saved after sign-in' }),
    scopeMissing: (key, missing) =>
      audit('scope_missing', { ...loss(missing), key, level: 'warn' }),
    refreshed: (key, tookMs) => audit('refreshed', { key, tookMs, message: 'grant refreshed' }),
    refreshFailed: (key, err) =>
      audit('refresh_failed', { key, err, level: 'warn', message: 'refresh failed; grant kept' }),
    earlyRefreshFailed: (key, err) => {
      const message = 'early refresh failed; going on with the valid token';
      audit('refresh_failed', { key, err, level: 'warn', message });
    },
    reconnectNeeded: (key, reason, owner) => {
      const message = 'grant needs reconnect: the user has to connect again';
      const newKey = owner && { registration: key.registration, owner };
      audit('reconnect_needed', { key, newKey, reason, level: 'warn', message });
    },
    saveFailed: (key, err) => {
      const message = 'refreshed pair could not be saved';
      audit('save_failed', { key, err, level: 'error', message });
    },
    replayed: (key) => audit('replayed', { key, message: 'refreshed pair saved from the journal' }),
    latePairDiscarded: (key) => {
      const message = 'refreshed pair came too late; it was not saved and is being revoked';
      audit('late_pair_discarded', { key, level: 'warn', message });
    },
    disconnected: (key, outcome) =>
      audit('disconnected', { key, outcome, message: 'grant disconnected' }),
    ...revocationAudit(audit),
  };
}

type RevocationEvents = Pick<
  GrantEvents,
  'revokeFailed' | 'revocationConfirmed' | 'revocationGivenUp'
>;

function revocationAudit(audit: Audit): RevocationEvents {
  return {
    revokeFailed: (registration, err) =>
      audit('revoke_failed', { registration, err, level: 'warn', message: 'revocation failed' }),
    revocationConfirmed: (whose) => {
      const message = 'revocation confirmed at last';
      audit('revocation_confirmed', { ...aboutRevoked(whose), message });
    },
    revocationGivenUp: (whose, err) => {
      const message =
        'revocation given up after a day: the user has to remove the connection at Fullscript';
      audit('revocation_given_up', { ...aboutRevoked(whose), err, level: 'error', message });
    },
  };
}

/** Names are Fullscript's, and there may be any number of them. */
function loss(missing: readonly string[]) {
  return {
    missing: missing.slice(0, 20),
    message: 'permissions are missing: Fullscript granted fewer than are needed, or than before',
  };
}

function aboutRevoked(whose: Revoked | undefined) {
  if (whose?.owner === undefined) return { registration: whose?.registration };
  return { key: { registration: whose.registration, owner: whose.owner } };
}
