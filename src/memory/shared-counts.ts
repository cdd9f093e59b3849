import type { SharedCounts } from '../http/shared-counts.js';
import { createExpiringMap } from './expiring-map.js';

interface Sums {
  readonly added: Set<string>;
  readonly sums: Map<string, number>;
}

const newSums = (): Sums => ({ added: new Set(), sums: new Map() });

/** Sums in this process, for whoever counts in it. */
export function createMemorySharedCounts(deps: { now?: () => number } = {}): SharedCounts {
  const { now = Date.now } = deps;
  const windows = createExpiringMap<Sums>(now);
  return {
    add: ({ id, window, ttlMs, counts }) => {
      const name = String(window);
      const { added, sums } = windows.get(name) ?? newSums();
      const by = added.has(id) ? 0 : 1;
      for (const [key, count] of counts) sums.set(key, (sums.get(key) ?? 0) + by * count);
      windows.set(name, { added: added.add(id), sums }, now() + ttlMs);
      return Promise.resolve([...counts.keys()].map((key) => sums.get(key) ?? 0));
    },
  };
}
