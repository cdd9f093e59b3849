import type { PendingAuthorizations } from '../oauth/pending-authorizations.js';
import { createExpiringMap } from './expiring-map.js';

/** Pending authorizations in this process, gone with it. */
export function createMemoryPendingAuthorizations(
  deps: { now?: () => number } = {},
): PendingAuthorizations {
  const { now = Date.now } = deps;
  const values = createExpiringMap<string>(now);
  return {
    save: (id, value, ttlMs) => {
      values.set(id, value, now() + ttlMs);
      return Promise.resolve();
    },

    take: (id) => {
      const value = values.get(id);
      values.delete(id);
      return Promise.resolve(value);
    },

    peek: (id) => Promise.resolve(values.get(id)),
  };
}
