import type { AuditEntry, AuditKind } from '../grants/audit-trail.js';
import { type AuditDetails, type AuditEvent, aboutWhom } from './audit.js';
import type { OwnerTag } from './owner-tags.js';
import { currentRequestId, currentVisitor } from './request-id.js';

const MINUTE = 60_000;

/** What servers write; the rest is done by command. */
export type ServerAuditKind = Exclude<AuditKind, 'administration'>;

/** Of one kind and about one user, so many are written down in so long; the next one says how many more there were. */
export interface Quota {
  readonly kind: ServerAuditKind;
  readonly entries: number;
  readonly perMs: number;
}

/** Each of these comes from something that somebody did: five a minute are somebody's, more are a loop. */
const DONE: Quota = { kind: 'events', entries: 5, perMs: MINUTE };
const HAPPENED: Quota = { kind: 'events', entries: 1, perMs: 10 * MINUTE };
const COMMON: Quota = { kind: 'frequent', entries: 1, perMs: MINUTE };

const QUOTAS: Readonly<Record<AuditEvent, Quota>> = {
  sign_in_started: COMMON,
  signed_in: DONE,
  sign_in_failed: DONE,
  signed_out: DONE,
  signed_out_everywhere: DONE,
  sessions_ended: DONE,
  user_disabled: DONE,
  user_enabled: DONE,
  grant_saved: COMMON,
  scope_missing: DONE,
  refreshed: COMMON,
  refresh_failed: { ...COMMON, perMs: 10 * MINUTE },
  reconnect_needed: HAPPENED,
  save_failed: HAPPENED,
  replayed: COMMON,
  late_pair_discarded: HAPPENED,
  revoke_failed: HAPPENED,
  revocation_confirmed: DONE,
  revocation_given_up: DONE,
  disconnected: DONE,
};

/** Strangers can fail as often as they like; a user who is known has been at Fullscript for it. */
export function quotaOf(event: AuditEvent, { key }: Pick<AuditDetails, 'key'>): Quota {
  return event === 'sign_in_failed' && key === undefined ? COMMON : QUOTAS[event];
}

/**
 * An event as it stands in the audit trail. Texts are cut; messages and errors stay in the log, but for
 * their code. What was not said to come from somewhere comes from where the request did.
 */
export function auditEntryOf(
  event: AuditEvent,
  details: AuditDetails,
  by: { ownerTag: OwnerTag; now: () => number },
): AuditEntry {
  const { sessions, tookMs, missing } = details;
  const { device, address } = { ...currentVisitor(), ...details };
  const texts = {
    requestId: currentRequestId(),
    reason: details.reason ?? codeOf(details.err),
    outcome: details.outcome,
    ...{ device, address },
  };
  return {
    ...{ event, at: by.now() },
    ...aboutWhom(details, by.ownerTag),
    ...shortTexts(texts),
    ...(missing !== undefined && { missing: missing.join(' ').slice(0, 500) }),
    ...(sessions !== undefined && { sessions }),
    ...(tookMs !== undefined && { tookMs }),
  };
}

/** The stable code of an error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

const SHORT = 64;

/** Those that are there, cut. */
export function shortTexts<K extends string>(
  texts: Readonly<Record<K, string | undefined>>,
): Partial<Record<K, string>> {
  const there = Object.entries<string | undefined>(texts).flatMap(([name, text]) =>
    text === undefined ? [] : [[name, text.slice(0, SHORT)] as const],
  );
  return Object.fromEntries(there) as Partial<Record<K, string>>;
}
