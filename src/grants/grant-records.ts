/** A grant as it lies in storage: a version in clear, everything else sealed. */
export interface GrantRecord {
  readonly version: number;
  readonly sealed: string;
}

/**
 * What became of a write. False: nothing was written. Unconfirmed: it is in the store's memory, and
 * nobody knows yet whether it would survive a crash of the store.
 */
export type SaveOutcome = false | 'confirmed' | 'unconfirmed';

/** For how long a removal is remembered. */
export const REMOVAL_REMEMBERED_MS = 24 * 60 * 60 * 1000;

/**
 * Storage for grants, one record an id. Adapters know nothing of tokens; what they promise is the
 * order of versions. Every call fails with StoreUnavailableError when storage does not answer.
 */
export interface GrantRecords {
  readonly read: (id: string) => Promise<GrantRecord | undefined>;
  /**
   * Stores `record` if the last version is `expected`, as one atomic step.
   *
   * @returns false when it is another one.
   * @throws StoreUnavailableError; then the write may or may not have happened.
   */
  readonly compareAndSet: (
    id: string,
    record: GrantRecord,
    expected: number,
  ) => Promise<SaveOutcome>;
  /**
   * Removes the record; when `expected` is given, only if that is its version. Removing counts as a
   * version of its own, remembered for a day, so that a writer that slept meanwhile cannot bring the
   * grant back.
   *
   * @returns false when it has another version; it is still there then.
   */
  readonly remove: (id: string, expected?: number) => Promise<boolean>;
  /**
   * The ids of all records, in pages; for maintenance, never for a request. What is stored all the
   * while is in it, perhaps twice; what comes or goes meanwhile may be in it or not, and so may what
   * was removed lately.
   *
   * @throws StoreUnavailableError when storage fails half-way: then begin anew.
   */
  readonly ids: () => AsyncIterable<readonly string[]>;
  /** The version a new record must follow: of the stored one, of a removal lately, or else 0. */
  readonly lastVersion: (id: string) => Promise<number>;
}
