import { type GrantRecords, REMOVAL_REMEMBERED_MS } from '../grants/grant-records.js';
import type { RedisClient } from './client.js';
import type { RunSave } from './confirmed-saves.js';
import { grantIds } from './grant-ids.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';
import { isWrongType, overWrongType } from './wrong-type.js';

/** In digits. Numbers up to here are exact, and no grant is ever saved so often. */
const LONGEST_VERSION = 15;

// `last`: the version as a number, 0 for one that is none; false where there is nothing.
const LAST = `${overWrongType("'HGET', KEYS[1], 'v'")}
local last = probe
if last and not (string.find(last, '^%d+$') and #last <= ${LONGEST_VERSION}) then last = '0' end
last = last and tonumber(last)`;

// PERSIST: the key may be a tombstone, whose end must not take the new grant with it.
const COMPARE_AND_SET = `${LAST}
if (last or 0) ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[2], 's', ARGV[3])
redis.call('PERSIST', KEYS[1])
return 1`;

// An empty version: whatever it is.
const REMOVE = `${LAST}
if not last then return 1 end
if ARGV[2] ~= '' and last ~= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'v', string.format('%.0f', last + 1))
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
  const fields = async (id: string, ...names: string[]): Promise<(string | null)[]> => {
    try {
      return await client.hmget(grantKey(id), ...names);
    } catch (error) {
      if (isWrongType(error)) return [];
      throw error;
    }
  };

  return {
    read: (id) =>
      storeCall('grant read', async () => {
        const [version, sealed] = await fields(id, 'v', 's');
        return version && sealed ? { version: versionOf(version), sealed } : undefined;
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
      storeCall('grant version read', async () => {
        const [version] = await fields(id, 'v');
        return versionOf(version ?? '');
      }),
  };
}

/** 0 for what is no version: a grant under that one does not open, and the next sign-in replaces it. */
function versionOf(text: string): number {
  return /^\d+$/.test(text) && text.length <= LONGEST_VERSION ? Number(text) : 0;
}
