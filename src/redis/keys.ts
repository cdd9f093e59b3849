import { createHash } from 'node:crypto';

/** Changes when the meaning of a record changes; old records then end by their own lifetime. */
const PREFIX = 'fc:1';

/**
 * A grant: hash of `v` (version) and `s` (sealed token set). No lifetime; after a removal only `v`
 * is left, for a day. The braces put grant and lock of one id into one slot of a cluster.
 */
export function grantKey(id: string): string {
  return `${PREFIX}:grant:{${id}}`;
}

/** All grants, as a pattern for SCAN. */
export const GRANT_KEYS = grantKey('*');

/** The id in a grant's key. */
export function idOfGrantKey(key: string): string {
  return key.slice(GRANT_KEYS.indexOf('*'), -1);
}

/**
 * Which grants there are: sorted set, all with score 0, of `<status>:<id>`. No lifetime. An entry may
 * outlive its grant.
 */
export const GRANT_INDEX_KEY = `${PREFIX}:grant-index:entries`;

/** When the index was last compared with the grants: string, epoch milliseconds. Lives for a day. */
export const GRANT_INDEX_CHECKED_KEY = `${PREFIX}:grant-index:checked`;

/** The lock on an id: string, the holder's random name. Lives as long as its lease, seconds. */
export function lockKey(id: string): string {
  return `${PREFIX}:lock:{${id}}`;
}

/**
 * The last failed refresh of an id: hash of `f` (JSON: how many, why) and `u` (when the wait ends, by
 * the clock of Redis). Lives five minutes longer than its wait.
 */
export function refreshFailureKey(id: string): string {
  return `${PREFIX}:refresh-failure:{${id}}`;
}

/** A pending authorization: string, sealed by the caller. Lives ten minutes at most. */
export function pendingKey(id: string): string {
  return `${PREFIX}:pending:${id}`;
}

/** A browser session: string, JSON. Lives as long as the session may be idle. */
export function sessionKey(sessionHash: string): string {
  return `${PREFIX}:session:${sessionHash}`;
}

/** Everything in a session's key but its hash. */
export const SESSION_KEY_PREFIX = sessionKey('');

/** All sessions, as a pattern for SCAN. */
export const SESSION_KEYS = sessionKey('*');

/** Session ids open sessions, so storage only ever sees their SHA-256. */
export function sessionHash(sid: string): string {
  return createHash('sha256').update(sid).digest('base64url');
}

/** What people are shown of a session: enough of the hash to tell it from others, and no more. */
export function sessionName(hash: string): string {
  return hash.slice(0, 12);
}

/**
 * The sessions of one owner: sorted set of session hashes by the end of their life in epoch
 * milliseconds. Lives as long as the longest of them. An entry may outlive its session, never the
 * other way round.
 */
export function userSessionsKey(owner: string): string {
  return `${PREFIX}:user-sessions:{${owner}}`;
}

/** Users who may not sign in: set of their grants' ids. No lifetime: it ends by enabling them. */
export const DISABLED_USERS_KEY = `${PREFIX}:disabled-users`;

/**
 * How often a caller used what `limit` names: string, the number. Callers are named by a keyed hash.
 * Lives as long as the window, which the first request opens.
 */
export function rateLimitKey(limit: string, caller: string): string {
  return `${PREFIX}:rate:${limit}:${caller}`;
}

/**
 * The calls of all processes in the window that began then: hash of counts by limit and caller, and of
 * the batches that were added. Lives for two windows.
 */
export function callCountsKey(window: number): string {
  return `${PREFIX}:rate-calls:${window}`;
}

/**
 * The queue of revocations. BullMQ puts name and kind of its keys behind the prefix, and the job's id
 * in the key of a job; the braces keep them in one slot of a cluster. A job lives for a day at most.
 */
export const REVOCATION_QUEUE = { prefix: `${PREFIX}:queue`, name: '{revocations}' } as const;

/**
 * What happened to a user, for that user to see: stream of `event`, `at` and what there is to say, the
 * latest two hundred or so. Lives for 90 days after the last entry.
 */
export function activityKey(owner: string): string {
  return `${PREFIX}:activity:{${owner}}`;
}

/**
 * On this channel it is told that something about an owner's grant or sessions has changed. Messages
 * are empty, and kept nowhere.
 */
export function signalChannel(owner: string): string {
  return `${PREFIX}:signal:${owner}`;
}

/** The owner in a channel's name. */
export function ownerOfSignals(channel: string): string {
  return channel.slice(signalChannel('').length);
}

/** What administrators did by command: stream, the latest ten thousand or so. No lifetime. */
export const AUDIT_TRAIL_KEY = `${PREFIX}:audit-trail`;

/**
 * What servers did: stream, bounded by number and age. The braces put it into the slot of the one
 * above, whose name has none: they are read together.
 */
export function auditKey(kind: 'events' | 'frequent'): string {
  return `${PREFIX}:audit:{${AUDIT_TRAIL_KEY}}:${kind}`;
}

/**
 * What a server writes to see whether Redis takes writes: string, nothing in it that matters. Lives ten
 * seconds. Numbered, because in a cluster each master is asked.
 */
export function readinessKey(number: number): string {
  return `${PREFIX}:readiness:${number}`;
}

/**
 * What the doctor writes to see whether it may, and how long it takes: one key of each type. Lives for a
 * second.
 */
export function trialKey(id: string, type: string): string {
  return `${PREFIX}:trial:{${id}}:${type}`;
}
