import { randomBytes } from 'node:crypto';
import type { CountBatch, SharedCounts } from './shared-counts.js';
import { createWindowCounts } from './window-counts.js';

/** How often a caller called in this window, and when it ends. */
export interface CallCount {
  readonly calls: number;
  /** Epoch milliseconds. */
  readonly resetAt: number;
}

export interface CallCounts {
  /** Counts one more call of `caller` for one limit, here and at once. */
  readonly counter: (name: string) => (caller: string) => CallCount;
  /**
   * Brings the counts of all processes together: one round trip, none if nothing was counted. To be
   * called now and then, not twice at a time. Fails as the store does; nothing is lost by that.
   */
  readonly share: () => Promise<void>;
}

export interface CallCountsDeps {
  readonly shared: SharedCounts;
  readonly windowMs: number;
  readonly now: () => number;
  /** Callers that are remembered; beyond that, those who called longest ago are forgotten. */
  readonly most?: number;
  /** Callers in one batch; the others follow with the next. A script must not hold up the store. */
  readonly mostAtOnce?: number;
}

/**
 * Counts calls in the process, for limits that must not cost a command a request. What other processes
 * count is known a moment later, so a limit may be overstepped by what arrives in that moment; while
 * the store is away each process counts for itself. Windows are fixed, in step with the clock.
 */
export function createCallCounts(deps: CallCountsDeps): CallCounts {
  const { shared, windowMs, now, most = 50_000, mostAtOnce = 5_000 } = deps;
  const open = (start: number) => ({ start, counts: createWindowCounts({ most, mostAtOnce }) });
  let window = open(NaN);
  let batch: CountBatch | undefined;

  function enterWindow(): typeof window {
    const start = Math.floor(now() / windowMs) * windowMs;
    if (start !== window.start) {
      window = open(start);
      batch = undefined;
    }
    return window;
  }

  function nextBatch(): CountBatch | undefined {
    const counts = window.counts.take();
    if (counts.size === 0) return undefined;
    const id = randomBytes(12).toString('base64url');
    return { id, window: window.start, ttlMs: 2 * windowMs, counts };
  }

  async function share(): Promise<void> {
    const { counts } = enterWindow();
    batch ??= nextBatch();
    if (batch === undefined) return;
    const sent = batch;
    counts.learn(sent.counts, await shared.add(sent));
    // Another window may have been opened meanwhile, with a batch of its own.
    if (batch === sent) batch = undefined;
  }

  const counter = (name: string) => (caller: string) => {
    const { start, counts } = enterWindow();
    return { calls: counts.increment(`${name}:${caller}`), resetAt: start + windowMs };
  };
  return { counter, share };
}
