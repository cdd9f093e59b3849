import type { PendingAuthorizations } from '../oauth/pending-authorizations.js';
import { type ExpiringMap, createExpiringMap } from './expiring-map.js';

const MOST_AT_ONCE = 1_000;

/** Pending authorizations in this process, gone with it. */
export function createMemoryPendingAuthorizations(
  deps: { now?: () => number } = {},
): PendingAuthorizations {
  const { now = Date.now } = deps;
  const values = createExpiringMap<string>(now);
  const lists = new Map<string, ExpiringMap<true>>();
  return {
    save: (id, value, ttlMs) => {
      values.set(id, value, now() + ttlMs);
      return Promise.resolve();
    },

    saveNew: (id, value, ttlMs) => {
      if (values.get(id) !== undefined) return Promise.resolve(false);
      values.set(id, value, now() + ttlMs);
      return Promise.resolve(true);
    },

    take: (id) => {
      const value = values.get(id);
      values.delete(id);
      return Promise.resolve(value);
    },

    peek: (id) => Promise.resolve(values.get(id)),

    enter: (list, id, { ttlMs, most }) => {
      const entries = lists.get(list) ?? createExpiringMap<true>(now);
      lists.set(list, entries);
      entries.set(id, true, now() + ttlMs);
      const ids = [...entries.entries()].map(([one]) => one);
      const oldest = ids.slice(0, Math.max(0, ids.length - most)).slice(0, MOST_AT_ONCE);
      for (const one of oldest) entries.delete(one);
      return Promise.resolve(oldest);
    },

    leave: (list, id) => {
      const entries = lists.get(list);
      entries?.delete(id);
      if (entries?.size() === 0) lists.delete(list);
      return Promise.resolve();
    },
  };
}
