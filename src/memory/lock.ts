import { startDeadline } from '../deadline.js';
import { LockTimeoutError } from '../grants/errors.js';
import type { Lock } from '../grants/lock.js';

/** Who waits for a lock that is held, in the order they came. */
type Waiters = Set<() => void>;

/** Locks among the callers of this process, first come first served. No lease: they die together. */
export function createMemoryLock(): Lock {
  const held = new Map<string, Waiters>();

  /** Resolves to how long it was waited for. */
  async function acquire(id: string, waitMs: number): Promise<number> {
    const waiters = held.get(id);
    if (waiters === undefined) {
      held.set(id, new Set());
      return 0;
    }
    const startedAt = performance.now();
    await turn(waiters, waitMs);
    return performance.now() - startedAt;
  }

  function release(id: string): void {
    const waiters = held.get(id);
    const [next] = waiters ?? [];
    if (!next) {
      held.delete(id);
      return;
    }
    waiters?.delete(next);
    next();
  }

  return {
    run: async (id, waitMs, work) => {
      const waitedMs = await acquire(id, waitMs);
      try {
        return await work(waitedMs);
      } finally {
        release(id);
      }
    },
  };
}

/** Resolves when the lock is handed over; it was never free in between. */
function turn(waiters: Waiters, waitMs: number): Promise<void> {
  if (waitMs <= 0) return Promise.reject(new LockTimeoutError());
  return new Promise((resolve, reject) => {
    const takeOver = () => {
      stop();
      resolve();
    };
    const stop = startDeadline(waitMs, () => {
      waiters.delete(takeOver);
      reject(new LockTimeoutError());
    });
    waiters.add(takeOver);
  });
}
