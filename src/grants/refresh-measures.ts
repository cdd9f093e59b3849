/** Where a pair was safe, or as safe as it got, when its save came to an end. */
export const PAIR_PLACES = [
  /** In the store, confirmed. */
  'store',
  /** In the journal; the store has it too, but has not confirmed that it would survive a crash. */
  'unconfirmed',
  /** In the journal, because the store would not take it. */
  'journal',
  /** In no journal and not confirmed: a crash loses it. */
  'memory',
] as const;

export type PairPlace = (typeof PAIR_PLACES)[number];

/** Numbers about refreshes that concern nobody in particular. For metrics; events are for people. */
export interface RefreshMeasures {
  /** Somebody waited for another holder of the lock, and then got it or gave up. */
  readonly lockWaited: (tookMs: number, outcome: 'acquired' | 'timed_out') => void;
  /** From the answer of the token endpoint until its pair was safe: in between a crash loses it. */
  readonly pairSafe: (tookMs: number, place: PairPlace) => void;
  /** A refresh was not tried, because it failed a short time before. */
  readonly heldOff: () => void;
}

/** For whom nobody counts. */
export const UNMEASURED: RefreshMeasures = {
  lockWaited: ignore,
  pairSafe: ignore,
  heldOff: ignore,
};

function ignore(): void {
  // Nobody wants to know.
}
