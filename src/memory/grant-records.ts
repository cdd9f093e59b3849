import { type GrantRecords, REMOVAL_REMEMBERED_MS } from '../grants/grant-records.js';
import { createExpiringMap } from './expiring-map.js';

interface Entry {
  readonly version: number;
  /** Undefined after a removal. */
  readonly sealed: string | undefined;
}

/** Grants in this process, gone with it. The reference the contract compares Redis with. */
export function createMemoryGrantRecords(deps: { now?: () => number } = {}): GrantRecords {
  const { now = Date.now } = deps;
  const entries = createExpiringMap<Entry>(now);
  const lastVersion = (id: string) => entries.get(id)?.version ?? 0;

  return {
    read: (id) => {
      const { version, sealed } = entries.get(id) ?? {};
      const found = version !== undefined && sealed !== undefined;
      return Promise.resolve(found ? { version, sealed } : undefined);
    },

    compareAndSet: (id, { version, sealed }, expected) => {
      const unchanged = lastVersion(id) === expected;
      if (unchanged) entries.set(id, { version, sealed }, Infinity);
      return Promise.resolve(unchanged && 'confirmed');
    },

    remove: (id, expected) => {
      const last = entries.get(id)?.version;
      if (last === undefined) return Promise.resolve(true);
      if (expected !== undefined && last !== expected) return Promise.resolve(false);
      const tombstone = { version: last + 1, sealed: undefined };
      entries.set(id, tombstone, now() + REMOVAL_REMEMBERED_MS);
      return Promise.resolve(true);
    },

    ids: () => inPages([...entries.entries()].flatMap(([id, { sealed }]) => (sealed ? [id] : []))),

    lastVersion: (id) => Promise.resolve(lastVersion(id)),
  };
}

const PAGE = 100;

async function* inPages(ids: readonly string[]): AsyncIterable<readonly string[]> {
  for (let at = 0; at < ids.length; at += PAGE) {
    yield await Promise.resolve(ids.slice(at, at + PAGE));
  }
}
