/** A refreshed pair that storage would not take, sealed. */
export interface JournalEntry {
  /** The grant's name; see `grantId`. */
  readonly id: string;
  readonly sealed: string;
}

/**
 * Where refreshed pairs wait that could not be saved: outside the store that failed. At most one entry
 * a grant; a later one replaces it.
 */
export interface Journal {
  /** Durable when it resolves: it outlives the process. */
  readonly keep: (entry: JournalEntry) => Promise<void>;
  /** What is kept, from memory. */
  readonly find: (id: string) => JournalEntry | undefined;
  readonly entries: () => readonly JournalEntry[];
  /** Forgets this very entry; not one that replaced it meanwhile. */
  readonly drop: (entry: JournalEntry) => Promise<void>;
}
