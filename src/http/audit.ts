import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { type GrantKey, grantId } from '../grants/grant.js';
import type { Visitor } from '../grants/user-sessions.js';
import type { RegistrationId } from '../oauth/registration.js';
import { currentRequestId } from './request-id.js';

/** Everything that is audited: sign-ins, sessions and grants, by stable names. */
export type AuditEvent =
  | 'sign_in_started'
  | 'signed_in'
  | 'sign_in_failed'
  | 'signed_out'
  | 'signed_out_everywhere'
  | 'sessions_ended'
  | 'user_disabled'
  | 'user_enabled'
  | 'grant_saved'
  | 'scope_missing'
  | 'refreshed'
  | 'refresh_failed'
  | 'reconnect_needed'
  | 'save_failed'
  | 'replayed'
  | 'late_pair_discarded'
  | 'revoke_failed'
  | 'revocation_confirmed'
  | 'revocation_given_up'
  | 'disconnected';

/** Where it was done is for the user's own eyes: it is not in the line. */
export interface AuditDetails extends Visitor {
  readonly message: string;
  /** `info` unless told. */
  readonly level?: 'info' | 'warn' | 'error';
  /** Whom it is about; named by a tag that does not say who it is. */
  readonly key?: GrantKey | undefined;
  readonly registration?: RegistrationId | undefined;
  readonly err?: unknown;
  /** A stable code. */
  readonly reason?: string;
  readonly missing?: readonly string[];
  readonly outcome?: string;
  readonly tookMs?: number;
  readonly sessions?: number;
}

/**
 * Writes down what happens around sign-ins and grants: what, when (UTC), to whom, for which request,
 * with what outcome; never a token, code or state.
 *
 * @see https://github.com/OWASP/ASVS (5.0, chapter V16)
 */
export type Audit = (event: AuditEvent, details: AuditDetails) => void;

/**
 * Audit lines go where the log goes, whatever its level, unless it is switched off altogether.
 *
 * @param note told the same; it must neither take time nor fail.
 */
export function createAudit(log: Logger, note?: Audit): Audit {
  const lines = log.level === 'silent' ? log : log.child({}, { level: 'info' });
  return (event, details) => {
    const { message, level = 'info', key, registration } = details;
    const whose = key === undefined ? { registration } : about(key);
    const line = { audit: event, requestId: currentRequestId(), ...whose, ...shown(details) };
    lines[level](line, message);
    note?.(event, details);
  };
}

/** Not where it was done: addresses are for the user's own eyes. */
function shown({ err, reason, missing, outcome, tookMs, sessions }: AuditDetails) {
  return { err, reason, missing, outcome, tookMs, sessions };
}

/** Names a user in logs without saying who it is. */
export function ownerTag(key: GrantKey): string {
  return createHash('sha256').update(grantId(key)).digest('base64url').slice(0, 12);
}

function about(key: GrantKey) {
  return { registration: key.registration, ownerType: key.owner.type, owner: ownerTag(key) };
}
