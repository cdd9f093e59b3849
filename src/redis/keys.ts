import { createHash } from 'node:crypto';
import type { AuditKind } from '../grants/audit-trail.js';

/** What the keys of an installation begin with that was told nothing else. */
export const DEFAULT_PREFIX = 'fc';

/** Changes when the meaning of a record changes; old records then end by their own lifetime. */
const LAYOUT = '1';

/** The names of everything that one installation keeps in Redis. */
export type Keys = ReturnType<typeof createKeys>;

/**
 * Names under a prefix. Installations that share a Redis are kept apart by nothing else.
 *
 * @param prefix of `REDIS_PREFIX`: without `:`, so that no prefix begins another one's names, and without
 *   `{`, `}` and what is special in a pattern.
 */
export function createKeys(prefix: string = DEFAULT_PREFIX) {
  const root = `${prefix}:${LAYOUT}`;
  return {
    ...grantKeys(root),
    ...signInKeys(root),
    ...limitKeys(root),
    ...auditKeys(root),
    ...signalNames(root),
    /** What all of them begin with. */
    root,
    /**
     * Whose all of this is: set of a mark for each sealing key with which the installation was started. No
     * lifetime.
     */
    installation: `${root}:installation`,
    /**
     * What a server writes to see whether Redis takes writes: string, nothing in it that matters. Lives ten
     * seconds. Numbered, because in a cluster each master is asked.
     */
    readiness: (number: number) => `${root}:readiness:${number}`,
    /**
     * What the doctor writes to see whether it may, and how long it takes: one key of each type. Lives for a
     * second.
     */
    trial: (id: string, type: string) => `${root}:trial:{${id}}:${type}`,
  };
}

function grantKeys(root: string) {
  const grant = (id: string) => `${root}:grant:{${id}}`;
  return {
    /**
     * A grant: hash of `v` (version) and `s` (sealed token set). No lifetime; after a removal only `v`
     * is left, for a day. The braces put grant and lock of one id into one slot of a cluster.
     */
    grant,
    /** All grants, as a pattern for SCAN. */
    grants: grant('*'),
    /** The id in a grant's key. */
    idOfGrant: (key: string) => key.slice(grant('').length - 1, -1),
    /**
     * Which grants there are: sorted set, all with score 0, of `<status>:<id>`. No lifetime. An entry may
     * outlive its grant.
     */
    grantIndex: `${root}:grant-index:entries`,
    /** When the index was last compared with the grants: string, epoch milliseconds. Lives for a day. */
    grantIndexChecked: `${root}:grant-index:checked`,
    /** The lock on an id: string, the holder's random name. Lives as long as its lease, seconds. */
    lock: (id: string) => `${root}:lock:{${id}}`,
    /**
     * The last failed refresh of an id: hash of `f` (JSON: how many, why) and `u` (when the wait ends, by
     * the clock of Redis). Lives five minutes longer than its wait.
     */
    refreshFailure: (id: string) => `${root}:refresh-failure:{${id}}`,
    /**
     * The queue of revocations. BullMQ puts name and kind of its keys behind the prefix, and the job's id
     * in the key of a job; the braces keep them in one slot of a cluster. A job lives for a day at most.
     */
    revocations: { prefix: `${root}:queue`, name: '{revocations}' } as const,
  };
}

function signInKeys(root: string) {
  const session = (hash: string) => `${root}:session:${hash}`;
  return {
    /** A pending authorization: string, sealed by the caller. Lives an hour, unless set otherwise. */
    pending: (id: string) => `${root}:pending:${id}`,
    /**
     * Which authorizations are pending, in all or from one address: sorted set of their ids by the end of their
     * life in epoch milliseconds. Lives as long as the longest of them.
     */
    pendingList: (list: string) => `${root}:pending-list:${list}`,
    /** A browser session: string, JSON. Lives as long as the session may be idle. */
    session,
    /** All sessions, as a pattern for SCAN. */
    sessions: session('*'),
    /** The hash in a session's key. */
    hashOfSession: (key: string) => key.slice(session('').length),
    /**
     * The sessions of one owner: sorted set of session hashes by the end of their life in epoch
     * milliseconds. Lives as long as the longest of them. An entry may outlive its session, never the
     * other way round.
     */
    userSessions: (owner: string) => `${root}:user-sessions:{${owner}}`,
    /** Users who may not sign in: set of their grants' ids. No lifetime: it ends by enabling them. */
    disabledUsers: `${root}:disabled-users`,
  };
}

function limitKeys(root: string) {
  return {
    /**
     * How often a caller used what `limit` names: string, the number. Callers are named by a keyed hash.
     * Lives as long as the window, which the first request opens.
     */
    rateLimit: (limit: string, caller: string) => `${root}:rate:${limit}:${caller}`,
    /**
     * The calls of all processes in the window that began then: hash of counts by limit and caller, and of
     * the batches that were added. Lives for two windows.
     */
    callCounts: (window: number) => `${root}:rate-calls:${window}`,
  };
}

function auditKeys(root: string) {
  // Its name has no braces; those of the others put them into its slot: they are read together.
  const administration = `${root}:audit-trail`;
  const audit: Readonly<Record<AuditKind, string>> = {
    administration,
    events: `${root}:audit:{${administration}}:events`,
    frequent: `${root}:audit:{${administration}}:frequent`,
  };
  return {
    /**
     * What happened to a user, for that user to see: stream of `event`, `at` and what there is to say, the
     * latest two hundred or so. Lives for 90 days after the last entry.
     */
    activity: (owner: string) => `${root}:activity:{${owner}}`,
    /**
     * What administrators did by command: stream, the latest ten thousand or so, no lifetime. What servers
     * did: two streams, bounded by number and age.
     */
    audit,
  };
}

function signalNames(root: string) {
  const channel = (owner: string) => `${root}:signal:${owner}`;
  return {
    /**
     * On this channel it is told that something about an owner's grant or sessions has changed. Messages
     * are empty, and kept nowhere.
     */
    signalChannel: channel,
    /** The owner in a channel's name. */
    ownerOfSignals: (name: string) => name.slice(channel('').length),
  };
}

/** Session ids open sessions, so storage only ever sees their SHA-256. */
export function sessionHash(sid: string): string {
  return createHash('sha256').update(sid).digest('base64url');
}

/** What people are shown of a session: enough of the hash to tell it from others, and no more. */
export function sessionName(hash: string): string {
  return hash.slice(0, 12);
}
