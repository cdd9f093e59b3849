import type { Options, Store } from 'express-rate-limit';
import { createExpiringMap } from './expiring-map.js';

const MINUTE_MS = 60_000;

/**
 * Counts of one limit in this process, from a caller's first request on until the window is over.
 * express-rate-limit's own store hands out the record that it goes on counting in, so that of requests
 * that come in together each sees the count of the last.
 */
export function createMemoryRateLimitStore(deps: { now?: () => number } = {}): Store {
  const { now = Date.now } = deps;
  const counts = createExpiringMap<{ hits: number; readonly resetAt: number }>(now);
  let windowMs = MINUTE_MS;

  function open(key: string) {
    const count = { hits: 0, resetAt: now() + windowMs };
    counts.set(key, count, count.resetAt);
    return count;
  }

  return {
    init: (options: Pick<Options, 'windowMs'>) => {
      ({ windowMs } = options);
    },
    increment: (key) => {
      const count = counts.get(key) ?? open(key);
      count.hits += 1;
      return { totalHits: count.hits, resetTime: new Date(count.resetAt) };
    },
    decrement: (key) => {
      const count = counts.get(key);
      if (count !== undefined && count.hits > 0) count.hits -= 1;
    },
    resetKey: (key) => {
      counts.delete(key);
    },
  };
}
