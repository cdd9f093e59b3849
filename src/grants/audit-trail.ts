import type { Visitor } from './user-sessions.js';

/**
 * One thing that was done to the installation or to a user: who, what, when, where from, with what outcome,
 * for which request. Short texts and numbers; never a secret, never a user's id or name.
 */
export interface AuditEntry extends Visitor {
  /** A stable name. */
  readonly event: string;
  /** Milliseconds since the epoch, by the clock of whoever wrote it down. */
  readonly at: number;
  /** The account of the machine, for what administrators do. */
  readonly by?: string;
  /** Whom it is about: registration, type, and a tag that does not say who it is; `everybody`. */
  readonly registration?: string;
  readonly ownerType?: string;
  readonly owner?: string;
  /** Who stands in that one's place. */
  readonly newOwnerType?: string;
  readonly newOwner?: string;
  readonly requestId?: string;
  /** A stable code. */
  readonly reason?: string;
  readonly outcome?: string;
  /** Permissions, with a space between them. */
  readonly missing?: string;
  readonly sessions?: number;
  readonly tookMs?: number;
  /** How many like it were left out before it, because there were so many. */
  readonly leftOut?: number;
}

/**
 * What pushes out what: each kind has room of its own, so neither a flood of strangers' sign-ins nor what
 * happens every minute costs an entry that matters.
 */
export type AuditKind =
  /** Done by command. */
  | 'administration'
  /** What happens to users, and not all the time. */
  | 'events'
  /** What happens all the time, or can be caused by anybody. */
  | 'frequent';

/** How many of each kind are kept, or some more; and for how long, unless it is for good. */
export const AUDIT_KEPT: Readonly<Record<AuditKind, { entries: number; days?: number }>> = {
  administration: { entries: 10_000 },
  events: { entries: 100_000, days: 90 },
  frequent: { entries: 20_000, days: 90 },
};

/**
 * What happened to the installation, for whoever answers for it. Everything rejects with
 * StoreUnavailableError when the store fails.
 */
export interface AuditTrail {
  /** Writes these, and forgets what is beyond the bounds. */
  readonly record: (kind: AuditKind, entries: readonly AuditEntry[]) => Promise<void>;
  /**
   * What there is of all kinds, the newest first.
   *
   * @param since nothing that was written down before it, in milliseconds since the epoch.
   */
  readonly newestFirst: (since?: number) => AsyncGenerator<AuditEntry>;
}
