import { type GrantRecords, REMOVAL_REMEMBERED_MS } from '../grants/grant-records.js';
import type { RedisClient } from './client.js';
import type { RunSave } from './confirmed-saves.js';
import { grantIds } from './grant-ids.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

// PERSIST: the key may be a tombstone, whose end must not take the new grant with it.
const COMPARE_AND_SET = `
local last = tonumber(redis.call('HGET', KEYS[1], 'v') or '0')
if last ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 's', ARGV[3])
redis.call('PERSIST', KEYS[1])
return 1`;

// An empty version: whatever it is.
const REMOVE = `
local last = redis.call('HGET', KEYS[1], 'v')
if not last then return 1 end
if ARGV[2] ~= '' and last ~= ARGV[2] then return 0 end
redis.call('HINCRBY', KEYS[1], 'v', 1)
redis.call('HDEL', KEYS[1], 's')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`;

/**
 * Grants in Redis, one hash each. The scripts go as EVAL, not EVALSHA: they are shorter than a
 * token, and a restarted or newly promoted server needs no second round.
 *
 * @param runSave runs the compare-and-set, so that a save resolves when it is safe; see
 *   `createConfirmedSaves`. Without it a save resolves when Redis has answered.
 */
export function createRedisGrantRecords(
  client: RedisClient,
  runSave: RunSave = async ({ script, key, args }) =>
    (await client.eval(script, 1, key, ...args)) === 1 && 'confirmed',
): GrantRecords {
  const { grant: grantKey } = keysOf(client);
  return {
    read: (id) =>
      storeCall('grant read', async () => {
        const [version, sealed] = await client.hmget(grantKey(id), 'v', 's');
        return version && sealed ? { version: Number(version), sealed } : undefined;
      }),

    compareAndSet: (id, record, expected) =>
      storeCall('grant write', () => {
        const args = [expected, record.version, record.sealed];
        return runSave({ script: COMPARE_AND_SET, key: grantKey(id), args });
      }),

    remove: (id, expected) =>
      storeCall('grant removal', async () => {
        const args = [REMOVAL_REMEMBERED_MS, expected ?? ''];
        return (await client.eval(REMOVE, 1, grantKey(id), ...args)) === 1;
      }),

    ids: () => grantIds(client),

    lastVersion: (id) =>
      storeCall('grant version read', async () =>
        Number((await client.hget(grantKey(id), 'v')) ?? 0),
      ),
  };
}
