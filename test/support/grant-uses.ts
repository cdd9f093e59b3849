import { setTimeout as delay } from 'node:timers/promises';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { type RedisClient, connectRedis, waitUntilReady } from '../../src/redis/client.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { openSaves } from '../../src/redis/saves.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';

/** Everything a server opens to keep grants. */
/** For what a server is to confirm, however slow the machine is. */
export const UNHURRIED = { commandTimeoutMs: 30_000, waitMs: 20_000 };

export async function openGrants(url: string, limits?: typeof UNHURRIED) {
  const address = parseStoreUrl(url);
  const errors: Error[] = [];
  const onError = (error: Error) => errors.push(error);
  const client = connectRedis(address, { onError });
  const saves = openSaves({ address, onError, limits });
  const clients: RedisClient[] = [client, saves.client];
  const ready = await Promise.all(clients.map((one) => waitUntilReady(one, 5_000)));
  if (ready.includes(false)) throw new Error('the test Redis is not ready');
  return {
    records: createRedisGrantRecords(client, saves.runSave),
    client,
    clients,
    errors,
    saves,
  };
}

export type Grants = Awaited<ReturnType<typeof openGrants>>;

/** What somebody saw who read and saved one grant all the time. */
export interface Seen {
  /** The longest that anything took, in milliseconds. */
  slowest: number;
  refused: number;
  /** Since when everything has worked, as `performance.now()`. */
  wellSince: number;
}

/** Reads and saves grants until `stop`, and fails when one that counted as saved is gone. */
export function useGrants({ records }: Grants, ids: readonly string[]) {
  const seen: Seen = { slowest: 0, refused: 0, wellSince: performance.now() };
  let stopped = false;

  async function timed<T>(work: () => Promise<T>): Promise<T | undefined> {
    const from = performance.now();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      seen.refused += 1;
      seen.wellSince = performance.now();
      return undefined;
    } finally {
      seen.slowest = Math.max(seen.slowest, performance.now() - from);
    }
  }

  async function use(id: string): Promise<void> {
    let saved = (await records.read(id))?.version ?? 0;
    while (!stopped) {
      const version = (await timed(() => records.read(id)))?.version ?? saved;
      // One whose fate is unknown may be there; one that counted must be.
      if (version < saved) throw new Error(`version ${saved} of a grant is lost`);
      saved = version;
      const next = { version: saved + 1, sealed: `sealed-${saved + 1}` };
      if (await timed(() => records.compareAndSet(id, next, saved))) saved = next.version;
      await delay(5);
    }
  }

  const running = Promise.all(ids.map(use));
  // Whoever stops it learns of an error.
  running.catch(() => undefined);
  return {
    seen,
    stop: async () => {
      stopped = true;
      await running;
      return seen;
    },
  };
}
