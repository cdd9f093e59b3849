/** How often each caller called in one window, as far as this process knows. */
export interface WindowCounts {
  /** Counts one call; answers how many there are now, in all processes. */
  readonly increment: (key: string) => number;
  /** What nobody else has been told yet, some of it if it is much. */
  readonly take: () => ReadonlyMap<string, number>;
  /** The sums of all processes for what was taken, in its order. */
  readonly learn: (taken: ReadonlyMap<string, number>, sums: readonly number[]) => void;
}

/** What is known of one caller; the sum of the three is what counts. */
interface Count {
  /** The sum of all processes, as they told it last. */
  known: number;
  /** Taken; the answer is not here. */
  taken: number;
  /** Counted here since. */
  fresh: number;
}

/**
 * @param bounds.most callers that are remembered; beyond that, those who called longest ago are forgotten.
 * @param bounds.mostAtOnce callers that are taken at once; the others follow.
 */
export function createWindowCounts(bounds: { most: number; mostAtOnce: number }): WindowCounts {
  // In the order of the last call, which a map keeps.
  const counts = new Map<string, Count>();
  const fresh = new Set<string>();

  function forgetOldest(): void {
    const [oldest = ''] = counts.keys();
    counts.delete(oldest);
    fresh.delete(oldest);
  }

  function takeOne(key: string): [string, number] {
    fresh.delete(key);
    const count = counts.get(key) ?? { known: 0, taken: 0, fresh: 0 };
    count.taken = count.fresh;
    count.fresh = 0;
    return [key, count.taken];
  }

  return {
    increment: (key) => {
      const count = counts.get(key) ?? { known: 0, taken: 0, fresh: 0 };
      count.fresh += 1;
      fresh.add(key);
      counts.delete(key);
      counts.set(key, count);
      if (counts.size > bounds.most) forgetOldest();
      return count.known + count.taken + count.fresh;
    },
    take: () => new Map([...fresh].slice(0, bounds.mostAtOnce).map(takeOne)),
    learn: (taken, sums) => {
      for (const [at, key] of [...taken.keys()].entries()) {
        const count = counts.get(key);
        if (count !== undefined) learnOne(count, sums[at] ?? 0);
      }
    },
  };
}

/** A store that has lost its data knows less than we do. */
function learnOne(count: Count, sum: number): void {
  count.known = Math.max(count.known + count.taken, sum);
  count.taken = 0;
}
