import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './client.js';
import { storeCall } from './store-call.js';

/** How many keys, of whatever kind, a server looks at for one page. */
const PAGE = 100;

/** What is looked for, and how the errors call it. */
interface Wanted {
  readonly pattern: string;
  readonly operation: string;
}

/**
 * All keys of a pattern, of every master in a cluster, in pages. What is there all the time is among
 * them, maybe more than once; what comes or goes meanwhile may be.
 *
 * @throws StoreUnavailableError when it could not be finished.
 */
export async function* scanKeys(
  client: RedisClient,
  wanted: Wanted,
): AsyncIterable<readonly string[]> {
  for (const master of await storeCall(wanted.operation, () => masters(client))) {
    yield* scan(master, wanted);
  }
}

/** Before it is ready, a cluster's client knows the nodes it was told of only. */
function masters(client: RedisClient): Promise<readonly Redis[]> {
  if (!(client instanceof Cluster)) return Promise.resolve([client]);
  if (client.status !== 'ready') return Promise.reject(new Error('the cluster is not connected'));
  return Promise.resolve(client.nodes('master'));
}

/**
 * A cursor means something to the process that gave it only. Another one, after a restart or a
 * failover, would take it and leave out keys without a word, so a connection that broke ends the
 * listing.
 */
async function* scan(
  server: Redis,
  { pattern, operation }: Wanted,
): AsyncIterable<readonly string[]> {
  const connection = { broken: false };
  const onClose = () => {
    connection.broken = true;
  };
  server.on('close', onClose);
  try {
    let cursor = '0';
    do {
      const [next, keys] = await storeCall(operation, () => {
        if (connection.broken) throw new Error('the connection broke meanwhile');
        return server.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE);
      });
      if (keys.length > 0) yield keys;
      cursor = next;
    } while (cursor !== '0');
  } finally {
    server.off('close', onClose);
  }
}
