import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { LockTimeoutError, StoreUnavailableError } from '../grants/errors.js';
import type { Lock } from '../grants/lock.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** A waiter tries again after a twentieth of what it has waited, so no wait is much longer than it has to be. */
const SHARE_OF_WAIT = 0.05;
/** But from `pollMs` up to this many times as much. */
const SLOWEST_POLL = 10;

export interface RedisLockOptions {
  /** How long the lock outlives its holder. */
  readonly leaseMs?: number;
  readonly renewEveryMs?: number;
  /** Between a waiter's first tries. */
  readonly pollMs?: number;
  readonly sleep?: (ms: number) => Promise<unknown>;
  /** Milliseconds of a clock that is never set, for the wait limit. */
  readonly elapsed?: () => number;
}

interface Lease {
  readonly client: RedisClient;
  readonly key: string;
  readonly owner: string;
  readonly leaseMs: number;
}

/** Locks in Redis, one string each. Waiters poll: nothing is lost when the store restarts. */
export function createRedisLock(client: RedisClient, options: RedisLockOptions = {}): Lock {
  const { leaseMs = 6_000, renewEveryMs = leaseMs / 3 } = options;
  const { lock: lockKey } = keysOf(client);
  return {
    run: async (id, waitMs, work) => {
      const owner = randomBytes(16).toString('base64url');
      const lease = { client, key: lockKey(id), owner, leaseMs };
      const waitedMs = await acquire(lease, waitMs, options);
      const stopRenewing = renewEvery(renewEveryMs, lease);
      try {
        const result = await work(waitedMs);
        await release(lease);
        return result;
      } catch (error) {
        const released = release(lease);
        // Nobody is kept waiting a second time for a store that does not answer.
        if (!(error instanceof StoreUnavailableError)) await released;
        throw error;
      } finally {
        stopRenewing();
      }
    },
  };
}

/** Resolves to how long it was waited for; the first try is no wait. */
async function acquire(lease: Lease, waitMs: number, options: RedisLockOptions): Promise<number> {
  const { pollMs = 25, sleep = delay, elapsed = () => performance.now() } = options;
  const startedAt = elapsed();
  const deadline = startedAt + waitMs;
  let waited = false;
  while (!(await tryOnce(lease))) {
    const left = deadline - elapsed();
    if (left <= 0) throw new LockTimeoutError();
    const pause = Math.max(pollMs, SHARE_OF_WAIT * (waitMs - left));
    // Jitter keeps waiters of several processes from trying in step; the last try is at the limit.
    const jittered = Math.min(pause, SLOWEST_POLL * pollMs) * (0.5 + Math.random());
    await sleep(Math.min(jittered, left));
    waited = true;
  }
  return waited ? elapsed() - startedAt : 0;
}

async function tryOnce(lease: Lease): Promise<boolean> {
  const { client, key, owner, leaseMs } = lease;
  try {
    return await storeCall(
      'lock acquisition',
      async () => (await client.set(key, owner, 'PX', leaseMs, 'NX')) === 'OK',
    );
  } catch (error) {
    // A try that timed out may have succeeded: don't leave a lock that nobody holds. Not awaited,
    // the store is slow already.
    void release(lease);
    throw error;
  }
}

/** A renewal that fails is tried again at the next turn; data is guarded by versions, not by this. */
function renewEvery(everyMs: number, lease: Lease): () => void {
  const { client, key, owner, leaseMs } = lease;
  const timer = setInterval(() => {
    client.eval(RENEW, 1, key, owner, leaseMs).catch(ignore);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Never fails: what the work did counts, and an unreleased lease ends by itself. */
async function release({ client, key, owner }: Lease): Promise<void> {
  await client.eval(RELEASE, 1, key, owner).catch(ignore);
}

function ignore(): void {
  // See the two callers.
}
