import { Redis } from 'ioredis';
import { isRecorded } from './leaks/material.js';
import { type TestRedis, startRedis } from './redis-server.js';

/** Where the suites of a run find it: workers inherit the environment. */
const SOCKET = 'TEST_REDIS_SOCKET';
const DATABASES_EACH = 1_000;
const WORKERS = 8;

let shared: TestRedis | undefined;

/** For jest's global set-up. */
export async function startSharedRedis(): Promise<void> {
  shared = await startRedis({ args: ['--databases', String(DATABASES_EACH * (WORKERS + 1))] });
  process.env[SOCKET] = shared.socketPath;
}

export async function stopSharedRedis(): Promise<void> {
  await shared?.stop();
  shared = undefined;
}

/** An empty Redis database, for a suite that neither stops, freezes nor configures its server. */
export interface Database {
  /** For `REDIS_URL`. */
  readonly url: string;
  readonly socketPath: string;
  readonly db: number;
  /** Empties it. */
  readonly stop: () => Promise<void>;
}

let opened = 0;

/**
 * A database in the Redis of the run. Its channels are those of every other database in it.
 *
 * Without a run, as in the bench, it is a Redis of its own.
 */
export async function openDatabase(): Promise<Database> {
  const socketPath = process.env[SOCKET];
  if (socketPath === undefined) return { ...(await startRedis()), db: 0 };
  const worker = Number(process.env['JEST_WORKER_ID'] ?? '1');
  if (worker > WORKERS || opened >= DATABASES_EACH)
    throw new Error('the Redis of the run has no more databases');
  const db = worker * DATABASES_EACH + opened++;
  return {
    ...{ socketPath, db, url: `unix://${socketPath}?db=${db}` },
    // What the leak scan has to see stays until the end of the run, when the whole Redis is dumped.
    stop: () => (isRecorded() ? Promise.resolve() : flush(socketPath, db)),
  };
}

async function flush(socketPath: string, db: number): Promise<void> {
  const client = new Redis({ path: socketPath, db });
  await client.flushdb();
  client.disconnect();
}
