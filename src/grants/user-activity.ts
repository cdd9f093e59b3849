import type { Visitor } from './user-sessions.js';

/** One thing that happened to a user. Short texts and numbers, never a secret. */
export interface ActivityEntry extends Visitor {
  /** A stable name, as in the audit lines of the log. */
  readonly event: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Which request it was done for; the log has the same. */
  readonly requestId?: string;
  /** A stable code. */
  readonly reason?: string;
  readonly outcome?: string;
  /** How many of them it ended. */
  readonly sessions?: number;
  /** Permissions, with a space between them. */
  readonly missing?: string;
}

export interface ActivityPage {
  /** The newest first. */
  readonly entries: readonly ActivityEntry[];
  /** Where the next page begins; undefined when there is none. */
  readonly next: string | undefined;
}

/**
 * What happened to each user, for that user to see. The audit lines of the log are the record; this is
 * a courtesy, and forgets: the oldest entries of a user first, and users to whom nothing happens. It
 * outlives sessions and grants. An owner is named by `grantId`.
 *
 * Everything rejects with StoreUnavailableError when the store fails.
 */
export interface UserActivity {
  readonly record: (owner: string, entry: ActivityEntry) => Promise<void>;
  /** @param page.before what `next` of another page says. Anything else means the first page. */
  readonly list: (
    owner: string,
    page: { limit: number; before?: string | undefined },
  ) => Promise<ActivityPage>;
}

/** How many entries of a user are kept, or some more. */
export const ACTIVITY_KEPT = 200;
