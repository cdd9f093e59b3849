import { keyIdOf } from '../grants/cipher.js';
import type { JournalEntry } from '../grants/journal.js';
import type { Rotation } from '../grants/rotate-keys.js';

/** `left`: a key other than the first one is still needed. */
export type RotationStatus = 'done' | 'left' | 'interrupted' | 'failed';

/** What a key is still needed for. Numbers are those of the last pass over all grants. */
export interface KeyReport {
  readonly id: string;
  /** Whether TOKEN_ENCRYPTION_KEYS lists it. */
  readonly configured: boolean;
  readonly grants: number;
  /** Of these grants, those that do not open. */
  readonly unopenable: number;
  /** Refreshed pairs that wait in the journal of this DATA_DIR. */
  readonly journal: number;
}

/** The result as `--json` prints it. */
export interface RotationReport {
  readonly status: RotationStatus;
  readonly dryRun: boolean;
  readonly sealingKey: string;
  /** Null when the store failed before they were counted. */
  readonly grants: number | null;
  readonly resealed: number;
  /** Grants that another run could seal anew. */
  readonly left: number | null;
  readonly keys: readonly KeyReport[];
  /** Listed keys that no grant needs. */
  readonly removable: readonly string[];
  /**
   * From when on nothing else needs them either, as an ISO instant; provided that every server has
   * sealed with the first key since before this run. Null when there are none.
   */
  readonly removeAfter: string | null;
  readonly failure: string | null;
}

/** Pending sign-ins last an hour, a day where that is set, and disconnects that wait for Fullscript a day at most. */
const PASSING_MS = 24 * 60 * 60_000;

export function reportOf(parts: {
  rotation: Rotation;
  /** Why the store failed, if it did. */
  failure: string | null;
  /** As configured; the first one seals. */
  keyIds: readonly [string, ...string[]];
  journal: readonly JournalEntry[];
  dryRun: boolean;
  now: number;
}): RotationReport {
  const { rotation, keyIds, dryRun, now } = parts;
  const keys = keyReports(parts);
  const [sealingKey, ...older] = keyIds;
  const needed = new Set(keys.filter(isNeeded).map(({ id }) => id));
  const complete = rotation.ended === 'complete';
  const removable = complete ? older.filter((id) => !needed.has(id)) : [];
  needed.delete(sealingKey);
  return {
    status: complete ? (needed.size > 0 ? 'left' : 'done') : UNFINISHED[rotation.ended],
    dryRun,
    sealingKey,
    grants: rotation.tally?.seen ?? null,
    resealed: rotation.resealed,
    left: rotation.left ?? null,
    keys,
    removable,
    removeAfter: removable.length > 0 ? new Date(now + PASSING_MS).toISOString() : null,
    failure: parts.failure,
  };
}

const UNFINISHED = {
  interrupted: 'interrupted',
  store_failed: 'failed',
  complete: 'done',
} as const;

function isNeeded({ grants, journal }: KeyReport): boolean {
  return grants > 0 || journal > 0;
}

/** Of configured keys in their order, then of those that only records name. */
function keyReports({ rotation, keyIds, journal }: Parameters<typeof reportOf>[0]): KeyReport[] {
  const tallies = rotation.tally?.keys ?? new Map<string, never>();
  const inJournal = journal.map(({ sealed }) => keyIdOf(sealed));
  const ids = new Set<string>([...keyIds, ...tallies.keys(), ...inJournal]);
  return [...ids].map((id) => ({
    id,
    configured: keyIds.includes(id),
    grants: tallies.get(id)?.records ?? 0,
    unopenable: tallies.get(id)?.unopenable ?? 0,
    journal: inJournal.filter((other) => other === id).length,
  }));
}
