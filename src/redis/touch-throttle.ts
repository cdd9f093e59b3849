/** Says yes once per interval and key. */
export interface TouchThrottle {
  /** Whether `key` is due; if so, it counts as done now. */
  readonly due: (key: string) => boolean;
  /** Counts `key` as done now. */
  readonly done: (key: string) => void;
  /** Counts `key` as never done. */
  readonly forget: (key: string) => void;
}

/** Remembers at most `limit` keys. Those forgotten are merely due again too early. */
export function createTouchThrottle(deps: {
  everyMs: number;
  limit: number;
  now: () => number;
}): TouchThrottle {
  const { everyMs, limit, now } = deps;
  const doneAt = new Map<string, number>();

  function done(key: string): void {
    doneAt.delete(key); // Keeps the map in order of time, so that the first key is the oldest.
    doneAt.set(key, now());
    if (doneAt.size <= limit) return;
    for (const oldest of doneAt.keys()) {
      doneAt.delete(oldest);
      return;
    }
  }

  return {
    done,
    forget: (key) => void doneAt.delete(key),
    due: (key) => {
      const last = doneAt.get(key);
      if (last !== undefined && now() - last < everyMs) return false;
      done(key);
      return true;
    },
  };
}
