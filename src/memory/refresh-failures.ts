import {
  FAILURE_REMEMBERED_MS,
  type RefreshFailure,
  type RefreshFailures,
} from '../grants/refresh-failures.js';
import { createExpiringMap } from './expiring-map.js';

/** Failed refreshes of this process, forgotten with it. */
export function createMemoryRefreshFailures(deps: { now?: () => number } = {}): RefreshFailures {
  const { now = Date.now } = deps;
  const failures = createExpiringMap<{ failure: RefreshFailure; notBefore: number }>(now);
  return {
    read: (id) => {
      const found = failures.get(id);
      if (found === undefined) return Promise.resolve(undefined);
      return Promise.resolve({ ...found.failure, waitMs: Math.max(0, found.notBefore - now()) });
    },

    keep: (id, failure, waitMs) => {
      const notBefore = now() + waitMs;
      failures.set(id, { failure, notBefore }, notBefore + FAILURE_REMEMBERED_MS);
      return Promise.resolve();
    },
  };
}
