/**
 * Short-lived records between redirect and callback. Values are opaque (sealed by the caller), ids
 * are hashes; adapters add nothing but storage. Every call fails with StoreUnavailableError when
 * storage does not answer.
 */
export interface PendingAuthorizations {
  /** Keeps `value` for `ttlMs`. */
  readonly save: (id: string, value: string, ttlMs: number) => Promise<void>;
  /** The same unless there is a value already; resolves to whether there was none. Of any number of callers one succeeds. */
  readonly saveNew: (id: string, value: string, ttlMs: number) => Promise<boolean>;
  /** Returns the value and forgets it, as one atomic step: of any number of callers one gets it. */
  readonly take: (id: string) => Promise<string | undefined>;
  /** Returns the value and keeps it. */
  readonly peek: (id: string) => Promise<string | undefined>;
  /**
   * Notes an id in a list for `ttlMs`. Where the list holds more than `most`, the oldest are struck off it.
   *
   * @returns the ids that were struck off, a thousand at a time at most; their values are left to the caller.
   */
  readonly enter: (
    list: string,
    id: string,
    bound: { ttlMs: number; most: number },
  ) => Promise<string[]>;
  /** Strikes an id off a list. */
  readonly leave: (list: string, id: string) => Promise<void>;
}
