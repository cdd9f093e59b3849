import type { DisabledUsers } from '../grants/disabled-users.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

/** Disabled users in Redis, one set for all of them. */
export function createRedisDisabledUsers(client: RedisClient): DisabledUsers {
  const { disabledUsers: key } = keysOf(client);
  return {
    add: (id) => storeCall('disabling a user', async () => (await client.sadd(key, id)) === 1),
    remove: (id) => storeCall('enabling a user', async () => (await client.srem(key, id)) === 1),
    has: (id) =>
      storeCall('a look at disabled users', async () => (await client.sismember(key, id)) === 1),
    all: () => storeCall('listing disabled users', () => client.smembers(key)),
  };
}
