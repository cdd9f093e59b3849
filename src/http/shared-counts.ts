/** What one process counted, to be added to what the others did. */
export interface CountBatch {
  /** A batch of this name is added once, however often it is sent. */
  readonly id: string;
  /** When the window began, epoch milliseconds; all processes have the same windows. */
  readonly window: number;
  /** For how long the sums are of use. */
  readonly ttlMs: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** The sums of all processes. */
export interface SharedCounts {
  /**
   * Adds a batch and answers the sums, in the order of its counts, in one round trip.
   *
   * @throws StoreUnavailableError it may have been added all the same: send it again.
   */
  readonly add: (batch: CountBatch) => Promise<readonly number[]>;
}
