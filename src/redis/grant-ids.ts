import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './client.js';
import { GRANT_KEYS, idOfGrantKey } from './keys.js';
import { storeCall } from './store-call.js';

/** How many keys, of whatever kind, a server looks at for one page. */
const PAGE = 100;

/** The ids of all grants, of every master in a cluster; see `GrantRecords.ids`. */
export async function* grantIds(client: RedisClient): AsyncIterable<readonly string[]> {
  for (const master of await storeCall('grant listing', () => masters(client))) yield* scan(master);
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
async function* scan(server: Redis): AsyncIterable<readonly string[]> {
  const connection = { broken: false };
  const onClose = () => {
    connection.broken = true;
  };
  server.on('close', onClose);
  try {
    let cursor = '0';
    do {
      const [next, keys] = await storeCall('grant listing', () => {
        if (connection.broken) throw new Error('the connection broke meanwhile');
        return server.scan(cursor, 'MATCH', GRANT_KEYS, 'COUNT', PAGE);
      });
      if (keys.length > 0) yield keys.map(idOfGrantKey);
      cursor = next;
    } while (cursor !== '0');
  } finally {
    server.off('close', onClose);
  }
}
