/** Tokens that are still to be revoked, as they lie in the queue. */
export interface QueuedRevocation {
  /** Random, and never used twice. */
  readonly id: string;
  /** When the revocation was asked for, milliseconds since the epoch. */
  readonly addedAt: number;
  /** See `revocation-codec.ts`. */
  readonly sealed: string;
}

/** What to deliver again, and in how many milliseconds. */
export interface Redelivery {
  readonly sealed: string;
  readonly inMs: number;
}

/** How many revocations there are, by what they wait for. */
export interface RevocationCounts {
  /** To be delivered now. */
  readonly waiting: number;
  /** Being delivered. */
  readonly active: number;
  /** To be delivered later. */
  readonly delayed: number;
  /** Given up by the queue itself, which never happens while its handler answers. */
  readonly failed: number;
}

/** @returns undefined when the revocation is done with. */
export type RevocationHandler = (entry: QueuedRevocation) => Promise<Redelivery | undefined>;

/**
 * Keeps revocations until they are done with, over restarts where the store does. Delivers each at least
 * once, to one process at a time; when that process dies, to another one within half a minute.
 */
export interface RevocationQueue {
  /**
   * Keeps a revocation, to be delivered in `inMs` unless it is removed before. It is kept when this
   * resolves.
   *
   * @throws StoreUnavailableError; then it may or may not be kept.
   */
  readonly add: (entry: QueuedRevocation, inMs: number) => Promise<void>;
  /**
   * Forgets a revocation. One that is gone, or is just being delivered, is left alone.
   *
   * @throws StoreUnavailableError
   */
  readonly remove: (id: string) => Promise<void>;
  /**
   * Starts to deliver. Call it once. What the handler throws counts as a request to deliver the same
   * again later.
   */
  readonly deliver: (handle: RevocationHandler) => void;
  /** @throws StoreUnavailableError */
  readonly counts: () => Promise<RevocationCounts>;
  /** Delivers nothing more, and waits a while for what is being delivered. */
  readonly close: () => Promise<void>;
}
