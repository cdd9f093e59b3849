/**
 * Short-lived records between redirect and callback. Values are opaque (sealed by the caller), ids
 * are hashes; adapters add nothing but storage. Every call fails with StoreUnavailableError when
 * storage does not answer.
 */
export interface PendingAuthorizations {
  /** Keeps `value` for `ttlMs`. */
  readonly save: (id: string, value: string, ttlMs: number) => Promise<void>;
  /** Returns the value and forgets it, as one atomic step: of any number of callers one gets it. */
  readonly take: (id: string) => Promise<string | undefined>;
  /** Returns the value and keeps it. */
  readonly peek: (id: string) => Promise<string | undefined>;
}
