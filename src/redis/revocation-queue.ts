import type { Queue } from 'bullmq';
import type { RevocationQueue } from '../grants/revocation-queue.js';
import { loadBullMQ } from './bullmq.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import {
  type RevocationData,
  type RevocationWorker,
  startRevocationWorker,
} from './revocation-worker.js';
import { storeCall } from './store-call.js';

export interface RedisRevocationQueueDeps {
  /** Adds and removes; the worker gets connections of its own, made like this one. */
  readonly client: RedisClient;
  /** Told about everything that goes wrong beside `add` and `remove`, as often as it does. */
  readonly onError: (error: Error) => void;
  /** Until a revocation comes again whose handler failed. */
  readonly afterErrorMs?: number;
  /** Of the queue, where not all processes that share the Redis share it. */
  readonly name?: string;
}

const AFTER_ERROR_MS = 60_000;
/** The handler decides what has been tried long enough. This is for one that only ever throws. */
const MOST_ERRORS = 1_500;

/**
 * Loads BullMQ; the first use does it otherwise. For a tenth of a second and more nothing else runs, so do it
 * when nobody waits. Who has no Redis need not load it at all.
 */
export function loadRevocationQueue(): void {
  loadBullMQ();
}

/**
 * Revocations in Redis, as jobs of BullMQ. Each waits as a delayed job, so nothing depends on the
 * process that added it. See `loadRevocationQueue`.
 */
export function createRedisRevocationQueue(deps: RedisRevocationQueueDeps): RevocationQueue {
  const { afterErrorMs = AFTER_ERROR_MS, onError } = deps;
  let opened: Queue<RevocationData> | undefined;
  let worker: RevocationWorker | undefined;
  const queue = () => (opened ??= openQueue(deps));

  return {
    add: ({ id, addedAt, sealed }, inMs) =>
      storeCall('revocation write', async () => {
        await queue().add('revocation', { addedAt, sealed }, jobOptions(id, inMs, afterErrorMs));
      }),

    remove: (id) =>
      storeCall('revocation removal', async () => {
        await queue().remove(id);
      }),

    counts: () =>
      storeCall('revocation count', async () => {
        const counts = await queue().getJobCounts('wait', 'active', 'delayed', 'failed');
        const { wait = 0, active = 0, delayed = 0, failed = 0 } = counts;
        return { waiting: wait, active, delayed, failed };
      }),

    deliver: (handle) => {
      try {
        worker ??= startRevocationWorker({ ...deps, handle });
      } catch (error) {
        onError(error as Error);
      }
    },

    close: async () => {
      await worker?.close();
      await opened?.close();
    },
  };
}

function openQueue(deps: RedisRevocationQueueDeps): Queue<RevocationData> {
  const { Queue } = loadBullMQ();
  const { prefix, name } = keysOf(deps.client).revocations;
  const queue = new Queue<RevocationData>(deps.name ?? name, {
    prefix,
    connection: deps.client,
    // Redis is asked about version and settings elsewhere, and must not be waited for.
    skipVersionCheck: true,
    skipWaitingForReady: true,
    streams: { events: { maxLen: 0 } },
  });
  // Its connection is everybody's, and its errors are reported there.
  queue.on('error', () => undefined);
  return queue;
}

function jobOptions(jobId: string, delay: number, afterErrorMs: number) {
  return {
    ...{ jobId, delay },
    attempts: MOST_ERRORS,
    backoff: { type: 'fixed', delay: afterErrorMs },
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 1,
  };
}
