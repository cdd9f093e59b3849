import type { Job, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { type InFlight, createInFlight } from '../grants/in-flight.js';
import { atMost } from '../grants/patience.js';
import type { RevocationHandler } from '../grants/revocation-queue.js';
import { loadBullMQ } from './bullmq.js';
import type { RedisClient } from './client.js';
import { connectionError } from './connection-error.js';
import { keysOf } from './keys-of.js';

/** What is stored with a job. */
export interface RevocationData {
  readonly addedAt: number;
  readonly sealed: string;
}

export interface RevocationWorker {
  /** Takes no more jobs and waits a while for those it has. Never fails, never hangs. */
  readonly close: () => Promise<void>;
}

export interface RevocationWorkerDeps {
  readonly client: RedisClient;
  readonly handle: RevocationHandler;
  readonly onError: (error: Error) => void;
  /** Of the queue, unless as usual. */
  readonly name?: string;
}

/** At a time, in one process. While Fullscript hangs each of them takes long. */
const CONCURRENCY = 5;
/** A job whose process died is free after the one, and found by the second of the others. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 5_000;
/** How long an idle worker waits before it looks whether it is still alive. */
const BLOCK_SECONDS = 10;
const FINISH_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 1_000;

/**
 * A worker may wait for Redis: nobody waits for the worker. Times out all the same, so that a
 * connection that went away without a word is left, but not before an idle worker has its answer.
 */
const PATIENT = {
  commandTimeout: 15_000,
  socketTimeout: 15_000,
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
  autoResendUnfulfilledCommands: true,
} as const;

/** Delivers jobs to `handle`, over two connections of its own. */
export function startRevocationWorker(deps: RevocationWorkerDeps): RevocationWorker {
  const { DelayedError, Worker } = loadBullMQ();
  const { client, handle, onError } = deps;
  const { prefix, name } = keysOf(client).revocations;
  const connection = connectPatiently(client);
  const onConnectionError = (error: Error) => {
    onError(connectionError(error) ?? error);
  };
  connection.on('error', onConnectionError);
  const { track, settled } = createInFlight();

  async function deliver(job: Job<RevocationData>, token?: string): Promise<void> {
    const { id = '', data } = job;
    const again = await handle({ id, addedAt: data.addedAt, sealed: data.sealed });
    if (again === undefined) return;
    if (again.sealed !== data.sealed) await job.updateData({ ...data, sealed: again.sealed });
    await job.moveToDelayed(Date.now() + again.inMs, token);
    throw new DelayedError();
  }

  const worker = new Worker<RevocationData>(
    deps.name ?? name,
    (job, token) => track(deliver(job, token)),
    {
      prefix,
      connection,
      concurrency: CONCURRENCY,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      // Dying with it says nothing about a job.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      drainDelay: BLOCK_SECONDS,
      runRetryDelay: 1_000,
      skipVersionCheck: true,
    },
  );
  worker.on('error', onConnectionError);
  worker.on('failed', (_job, error) => {
    onError(error);
  });
  return { close: () => close({ worker, connection, settled }) };
}

interface Running {
  readonly worker: Worker;
  readonly connection: RedisClient;
  readonly settled: InFlight['settled'];
}

/** Without Redis nothing can be finished; then the jobs are somebody else's once their locks end. */
async function close({ worker, connection, settled }: Running): Promise<void> {
  // NOTE: pausing or closing in BullMQ's own time waits for the blocking connection: ten seconds in a
  // cluster, and for ever where Redis never comes.
  await worker.pause(true).catch(ignore);
  if (connection.status === 'ready') await atMost(FINISH_TIMEOUT_MS, settled());
  await atMost(DISCONNECT_TIMEOUT_MS, worker.close(true).catch(ignore));
  connection.disconnect();
}

function connectPatiently(client: RedisClient): RedisClient {
  if (client instanceof Redis) return client.duplicate(PATIENT);
  return client.duplicate([], { enableOfflineQueue: true, redisOptions: PATIENT });
}

function ignore(): void {
  // What is not finished is delivered again, perhaps by another process.
}
