import { userInfo } from 'node:os';
import type { AuditEntry } from '../grants/audit-trail.js';
import type { GrantKey } from '../grants/grant.js';
import type { ActivityEntry } from '../grants/user-activity.js';
import type { OwnerTag } from '../http/owner-tags.js';

/** What a command changed, for the audit trail. */
export interface Act {
  readonly event: 'sessions_ended' | 'user_disabled' | 'user_enabled';
  /** Whom it was done to; undefined for everybody. */
  readonly key?: GrantKey;
  readonly sessions?: number;
}

/** The entry: what, when in UTC, to whom, by which account of the machine. */
export function auditEntry(
  act: Act,
  { ownerTag, at }: { ownerTag: OwnerTag; at: number },
): AuditEntry {
  const { event, key, sessions } = act;
  return {
    ...{ event, at, by: operator() },
    ...(key === undefined ? { owner: 'everybody' } : about(key, ownerTag)),
    ...(sessions === undefined ? {} : { sessions }),
  };
}

/** What the user is shown of it; undefined when nothing changed for the user. */
export function activityEntry({ event, sessions }: Act, at: number): ActivityEntry | undefined {
  if (event === 'sessions_ended' && sessions === 0) return undefined;
  const counted = sessions === undefined ? {} : { sessions };
  return { event, at, reason: 'administrator', ...counted };
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
