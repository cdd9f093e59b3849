import type { Logger } from 'pino';
import type { AuditEntry } from '../grants/audit-trail.js';
import type { GrantKey } from '../grants/grant.js';
import type { Visitor } from '../grants/user-sessions.js';
import type { RegistrationId } from '../oauth/registration.js';
import type { OwnerTag } from './owner-tags.js';
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

/** Where it was done is not in the line. */
export interface AuditDetails extends Visitor {
  readonly message: string;
  /** `info` unless told. */
  readonly level?: 'info' | 'warn' | 'error';
  /** Whom it is about; named by a tag that does not say who it is. */
  readonly key?: GrantKey | undefined;
  /** Who stands in that one's place. */
  readonly newKey?: GrantKey | undefined;
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
 * @param deps.notes told the same; they must neither take time nor fail.
 */
export function createAudit(deps: {
  log: Logger;
  ownerTag: OwnerTag;
  notes?: readonly Audit[];
}): Audit {
  const { log, ownerTag, notes = [] } = deps;
  const lines = log.level === 'silent' ? log : log.child({}, { level: 'info' });
  return (event, details) => {
    const { message, level = 'info' } = details;
    const whose = aboutWhom(details, ownerTag);
    const line = { audit: event, requestId: currentRequestId(), ...whose, ...shown(details) };
    lines[level](line, message);
    for (const note of notes) note(event, details);
  };
}

/** Not where it was done: addresses are for the user's own eyes, and for the audit trail. */
function shown({ err, reason, missing, outcome, tookMs, sessions }: AuditDetails) {
  return { err, reason, missing, outcome, tookMs, sessions };
}

/** Whom an event is about, as the log and the audit trail name it. */
export function aboutWhom(
  { key, newKey, registration }: Pick<AuditDetails, 'key' | 'newKey' | 'registration'>,
  ownerTag: OwnerTag,
): Pick<AuditEntry, 'ownerType' | 'owner' | 'newOwnerType' | 'newOwner'> & {
  registration?: RegistrationId;
} {
  if (key === undefined) return registration === undefined ? {} : { registration };
  return {
    ...{ registration: key.registration, ownerType: key.owner.type, owner: ownerTag(key) },
    ...(newKey && { newOwnerType: newKey.owner.type, newOwner: ownerTag(newKey) }),
  };
}
