import type { Cluster, Redis } from 'ioredis';
import { type Keys, createKeys } from './keys.js';

const named = new WeakMap<Redis | Cluster, Keys>();

/**
 * Gives a connection the names under which it keeps things. `connectRedis` does it, once, so that nothing
 * which works over the connection has to be told, and nothing can work under the prefix of another
 * installation.
 */
export function nameKeys(client: Redis | Cluster, prefix: string | undefined): void {
  named.set(client, createKeys(prefix));
}

/**
 * The names of what is kept over a connection.
 *
 * @throws Error for one that `connectRedis` has not made, like a duplicate.
 */
export function keysOf(client: Redis | Cluster): Keys {
  const keys = named.get(client);
  if (keys === undefined) throw new Error('this connection to Redis has no prefix of its keys');
  return keys;
}
