import type { Lock } from '../grants/lock.js';
import { errorType } from './error-type.js';
import type { Tracer } from './tracer.js';

/** The same lock, with a span for each wait. What is done under the lock is no part of that. */
export function tracedLock(lock: Lock, tracer: Tracer): Lock {
  if (!tracer.on) return lock;
  return {
    run: async (id, waitMs, work) => {
      const wait = tracer.open({ name: 'lock wait' });
      try {
        return await lock.run(id, waitMs, (waitedMs) => {
          wait.end();
          return work(waitedMs);
        });
      } catch (error) {
        // Changes nothing where the wait was over.
        wait.fail(errorType(error));
        throw error;
      } finally {
        wait.end();
      }
    },
  };
}

/** The lock as refreshes have it: each of them is a span, from the wait to the release. */
export function refreshLock(lock: Lock, tracer: Tracer): Lock {
  if (!tracer.on) return lock;
  const name = 'refresh';
  return {
    run: (id, waitMs, work) =>
      tracer.span({ name, attributes: { 'fullscript_connect.outcome': 'lock_taken' } }, (span) =>
        lock.run(id, waitMs, (waitedMs) => {
          // What `tracedEvents` hears of is said instead.
          span.set({ 'fullscript_connect.outcome': 'already_refreshed' });
          return work(waitedMs);
        }),
      ),
  };
}
