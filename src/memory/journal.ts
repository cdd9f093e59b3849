import type { Journal, JournalEntry } from '../grants/journal.js';

/** A journal that does not outlive the process; for tests, and where nothing may be written to disk. */
export function createMemoryJournal(): Journal {
  const kept = new Map<string, JournalEntry>();
  return {
    keep: (entry) => {
      kept.set(entry.id, entry);
      return Promise.resolve();
    },
    find: (id) => kept.get(id),
    entries: () => [...kept.values()],
    drop: (entry) => {
      if (kept.get(entry.id)?.sealed === entry.sealed) kept.delete(entry.id);
      return Promise.resolve();
    },
  };
}
