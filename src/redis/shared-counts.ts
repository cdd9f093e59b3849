import type { SharedCounts } from '../http/shared-counts.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

// A batch whose answer was lost comes again, and may have been carried out: its name stays in the hash.
const ADD = `
local new = redis.call('HSETNX', KEYS[1], ARGV[1], 1) == 1
if new then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
local sums = {}
for at = 3, #ARGV, 2 do
  local by = new and ARGV[at + 1] or 0
  sums[#sums + 1] = redis.call('HINCRBY', KEYS[1], ARGV[at], by)
end
return sums`;

/**
 * Sums of all processes in Redis: one hash a window, and one script a batch, so that it is one round trip
 * in a cluster too.
 */
export function createRedisSharedCounts(client: RedisClient): SharedCounts {
  const { callCounts } = keysOf(client);
  return {
    add: ({ id, window, ttlMs, counts }) =>
      storeCall('shared counts', async () => {
        const flat = [...counts].flat();
        const args = [`batch:${id}`, ttlMs, ...flat];
        return (await client.eval(ADD, 1, callCounts(window), ...args)) as number[];
      }),
  };
}
