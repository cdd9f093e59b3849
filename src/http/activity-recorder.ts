import { createBoundedMap } from '../grants/bounded-map.js';
import { grantId } from '../grants/grant.js';
import { createInFlight } from '../grants/in-flight.js';
import type { ActivityEntry, UserActivity } from '../grants/user-activity.js';
import type { AuditDetails, AuditEvent } from './audit.js';
import { codeOf, shortTexts } from './audit-entry.js';
import { currentRequestId } from './request-id.js';

/** Keeps for users what the audit lines say about them. */
export interface ActivityRecorder {
  /** Returns at once and never fails: nobody waits for this, and the log has the same. */
  readonly note: (event: AuditEvent, details: AuditDetails) => void;
  /** Resolves when nothing is being written any more; for shutdown. */
  readonly settled: () => Promise<void>;
}

const MINUTE = 60_000;

/**
 * What users are shown, and how long the same is left out afterwards: a loop of refreshes must not push
 * everything else out of the list. 0: each of them comes from something the user did.
 */
const NOTED: Partial<Record<AuditEvent, number>> = {
  signed_in: 0,
  signed_out: 0,
  signed_out_everywhere: 0,
  sessions_ended: 0,
  sign_in_failed: 5 * MINUTE,
  refreshed: MINUTE,
  refresh_failed: 10 * MINUTE,
  reconnect_needed: 10 * MINUTE,
  scope_missing: 10 * MINUTE,
  save_failed: 10 * MINUTE,
  late_pair_discarded: 10 * MINUTE,
  disconnected: 5 * MINUTE,
  revocation_confirmed: 5 * MINUTE,
  revocation_given_up: 5 * MINUTE,
};

const OWNERS_REMEMBERED = 10_000;
/** More than that at a time means that the store is in trouble, and the entries are not worth a queue. */
const WRITES_AT_A_TIME = 100;

export function createActivityRecorder(deps: {
  activity: Pick<UserActivity, 'record'>;
  now: () => number;
  /** Told about each entry that is missing. */
  onError: (error: unknown) => void;
}): ActivityRecorder {
  const { activity, now, onError } = deps;
  const { track, settled } = createInFlight();
  const isRepeat = createRepeats();
  let writing = 0;

  async function write(owner: string, entry: ActivityEntry): Promise<void> {
    writing += 1;
    try {
      await activity.record(owner, entry);
    } catch (error) {
      onError(error);
    } finally {
      writing -= 1;
    }
  }

  return {
    settled,
    note: (event, details) => {
      const pauseMs = NOTED[event];
      const { key } = details;
      if (pauseMs === undefined || key === undefined || changedNothing(details)) return;
      const entry = entryOf(event, details, now());
      const owner = grantId(key);
      if (isRepeat(owner, entry, pauseMs)) return;
      if (writing < WRITES_AT_A_TIME) void track(write(owner, entry));
      else onError(new Error('too many entries are being written'));
    },
  };
}

/** Else the list could be filled, and emptied of what matters, by ending nothing again and again. */
function changedNothing({ sessions }: AuditDetails): boolean {
  return sessions === 0;
}

/** Remembers what was noted of whom. What the user does starts anew: after it, the same is news again. */
function createRepeats() {
  const owners = createBoundedMap<Map<string, number>>(OWNERS_REMEMBERED);
  return (owner: string, { event, at, reason, outcome }: ActivityEntry, pauseMs: number) => {
    if (pauseMs === 0) {
      owners.delete(owner);
      return false;
    }
    // Codes and outcomes are few, so this stays small.
    const noted = owners.get(owner) ?? new Map<string, number>();
    const what = `${event} ${reason ?? ''} ${outcome ?? ''}`;
    const isRepeat = at - (noted.get(what) ?? -Infinity) < pauseMs;
    if (!isRepeat) owners.set(owner, noted.set(what, at));
    return isRepeat;
  };
}

function entryOf(event: AuditEvent, details: AuditDetails, at: number): ActivityEntry {
  const { outcome, sessions, device, address, missing } = details;
  const reason = details.reason ?? codeOf(details.err);
  const requestId = currentRequestId();
  return {
    ...{ event, at },
    ...shortTexts({ requestId, reason, outcome, device, address }),
    ...(sessions !== undefined && { sessions }),
    ...(missing !== undefined && { missing: missing.join(' ').slice(0, 500) }),
  };
}
