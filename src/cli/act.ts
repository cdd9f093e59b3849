import { userInfo } from 'node:os';
import type { AuditEntry } from '../grants/audit-trail.js';
import type { GrantKey } from '../grants/grant.js';
import type { ActivityEntry } from '../grants/user-activity.js';
import type { OwnerTag } from '../http/owner-tags.js';

/** What a command changed, for the audit trail. */
export interface Act {
  readonly event:
    | 'sessions_ended'
    | 'user_disabled'
    | 'user_enabled'
    | 'refreshed'
    | 'refresh_failed'
    | 'reconnect_needed'
    | 'disconnected'
    | 'keys_rotated'
    | 'index_checked'
    | 'store_adopted';
  /** Whom it was done to; undefined for everybody, or for nobody. */
  readonly key?: GrantKey;
  /** Who stands in that one's place. */
  readonly newKey?: GrantKey | undefined;
  readonly sessions?: number;
  /** A stable code: why it came to be, where the administrator is not the reason. */
  readonly reason?: string;
  /** A stable code. */
  readonly outcome?: string;
}

/** The entry: what, when in UTC, to whom, by which account of the machine. */
export function auditEntry(
  act: Act,
  { ownerTag, at }: { ownerTag: OwnerTag; at: number },
): AuditEntry {
  const { event, key, newKey, sessions, reason, outcome } = act;
  return {
    ...{ event, at, by: operator() },
    ...(key === undefined ? { owner: 'everybody' } : about(key, ownerTag)),
    ...(newKey && { newOwnerType: newKey.owner.type, newOwner: ownerTag(newKey) }),
    ...(sessions === undefined ? {} : { sessions }),
    ...(reason === undefined ? {} : { reason }),
    ...(outcome === undefined ? {} : { outcome }),
  };
}

/** What the user is shown of it; undefined when nothing changed for the user. */
export function activityEntry(act: Act, at: number): ActivityEntry | undefined {
  const { event, sessions, reason = 'administrator', outcome } = act;
  const changedNothing = event === 'sessions_ended' && sessions === 0;
  if (changedNothing || event === 'refresh_failed') return undefined;
  const counted = sessions === undefined ? {} : { sessions };
  const known = outcome === undefined ? {} : { outcome };
  return { event, at, reason, ...counted, ...known };
}

function about(key: GrantKey, ownerTag: OwnerTag) {
  return { registration: key.registration, ownerType: key.owner.type, owner: ownerTag(key) };
}

/** A container may run under a number that has no name. */
function operator(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
