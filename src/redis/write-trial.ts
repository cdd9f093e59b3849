import { Cluster } from 'ioredis';
import { StoreUnavailableError } from '../grants/errors.js';
import type { RedisClient } from './client.js';
import { masterOf } from './cluster.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';
import { type StoreFailure, storeFailure } from './store-failure.js';

/**
 * Tells whether Redis takes writes, or answers that it does not.
 *
 * @throws StoreUnavailableError when there is no answer.
 */
export type WriteTrial = () => Promise<'taken' | 'refused'>;

export interface WriteTrialDeps {
  readonly client: RedisClient;
  /** At most so often; two seconds. */
  readonly everyMs?: number | undefined;
  /** Milliseconds of a clock that is never set. */
  readonly elapsed?: () => number;
}

const EVERY_MS = 2_000;
const KEY_LIFETIME_MS = 10_000;

/** Redis is there and says no: a replica, no replicas, no room, no permission, a snapshot that failed. */
const REFUSALS: ReadonlySet<StoreFailure> = new Set([
  'read_only',
  'out_of_memory',
  'no_permission',
  'disk',
]);

/**
 * Writes one key at most every two seconds, however often it is asked: callers in between are told what came of
 * it. That no answer came is told to those who waited for it and to no others, so a Redis that is back is
 * noticed at once.
 */
export function createWriteTrial(deps: WriteTrialDeps): WriteTrial {
  const { client, everyMs = EVERY_MS, elapsed = () => performance.now() } = deps;
  let last: { readonly at: number; readonly outcome: ReturnType<WriteTrial> } | undefined;
  return () => {
    if (last !== undefined && elapsed() - last.at < everyMs) return last.outcome;
    const current = { at: elapsed(), outcome: tryWrite(client) };
    last = current;
    current.outcome.catch(() => {
      if (last === current) last = undefined;
    });
    return current.outcome;
  };
}

async function tryWrite(client: RedisClient): ReturnType<WriteTrial> {
  try {
    await storeCall('write trial', () => write(client));
    return 'taken';
  } catch (error) {
    const cause = error instanceof StoreUnavailableError ? error.cause : error;
    if (REFUSALS.has(storeFailure(cause))) return 'refused';
    throw error;
  }
}

/** In a cluster one master that takes it is enough, as it is for a PING: others serve other users. */
async function write(client: RedisClient): Promise<void> {
  const keys = client instanceof Cluster ? keysOfMasters(client) : [keysOf(client).readiness(0)];
  const writes = keys.map((key) => client.set(key, '1', 'PX', KEY_LIFETIME_MS));
  try {
    await Promise.any(writes);
  } catch (error) {
    const [first] = (error as AggregateError).errors as Error[];
    throw first ?? new Error('The cluster cannot be reached');
  }
}

/** Enough that each master of a cluster has one of them in its slots. */
const KEYS_TRIED = 64;

function keysOfMasters(cluster: Cluster): string[] {
  const { readiness } = keysOf(cluster);
  const found = new Map<unknown, string>();
  for (let number = 0; number < KEYS_TRIED; number += 1) {
    const key = readiness(number);
    const master = masterOf(cluster, key);
    if (master !== undefined && !found.has(master)) found.set(master, key);
  }
  return [...found.values()];
}
