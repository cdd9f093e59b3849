import { createHmac } from 'node:crypto';
import { type Cipher, type SealingKey, createCipher } from '../grants/cipher.js';
import { ForeignStoreError, SealError } from '../grants/errors.js';
import { sealContext } from '../grants/vault.js';
import type { RedisClient } from './client.js';
import { createRedisGrantIndex } from './grant-index.js';
import { createRedisGrantRecords } from './grant-records.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

/** Whose a store is: of who has our keys, of no installation yet, or of one with other keys. */
export type StoreOwner = 'ours' | 'unmarked' | 'foreign';

/**
 * Which installation keeps its records in this store. Each sealing key leaves its mark, and one that is
 * known suffices: so processes with a longer or a shorter list, while keys are rotated, are of the same
 * installation.
 */
export interface Installation {
  /**
   * By the marks alone.
   *
   * @throws StoreUnavailableError
   */
  readonly owner: () => Promise<StoreOwner>;
  /**
   * Leaves the marks of our keys in a store that is ours, or of no installation yet. One that was filled by a version
   * without marks is of no installation yet, unless there are grants in it and none of those that are looked
   * at opens.
   *
   * @throws ForeignStoreError when the store is another's; nothing is written.
   * @throws StoreUnavailableError
   */
  readonly enter: () => Promise<void>;
  /**
   * Replaces all marks with ours: other installations are refused from then on.
   *
   * @throws StoreUnavailableError
   */
  readonly adopt: () => Promise<void>;
}

/** Never changes: it tells stores of this version from those of the next. */
const MARKED_TEXT = 'fullscript-connect: the store of this key';
/** Of an unmarked store. One that opens will do, and of a real store of ours nearly all do. */
const GRANTS_LOOKED_AT = 100;

// Two installations may start on an empty store at the same moment: one of them finds the other's marks.
const ENTER = `
local known = redis.call('SCARD', KEYS[1]) == 0
for at = 1, #ARGV do
  known = known or redis.call('SISMEMBER', KEYS[1], ARGV[at]) == 1
end
if not known then return 0 end
redis.call('SADD', KEYS[1], unpack(ARGV))
return 1`;

const ADOPT = `
redis.call('DEL', KEYS[1])
return redis.call('SADD', KEYS[1], unpack(ARGV))`;

export function createInstallation(deps: {
  client: RedisClient;
  sealingKeys: readonly [SealingKey, ...SealingKey[]];
}): Installation {
  const { client, sealingKeys } = deps;
  const marks = marksOf(sealingKeys);
  const { installation: key } = keysOf(client);
  const stored = () => storeCall('installation read', () => client.smembers(key));
  const run = (script: string) =>
    storeCall(
      'installation write',
      async () => (await client.eval(script, 1, key, ...marks)) as number,
    );

  return {
    owner: async () => ownerBy(await stored(), marks),

    enter: async () => {
      const found = await stored();
      const owner = ownerBy(found, marks);
      if (owner === 'foreign') throw new ForeignStoreError();
      if (owner === 'ours' && marks.every((mark) => found.includes(mark))) return;
      if (owner === 'unmarked' && (await isSealedByOthers(client, createCipher(sealingKeys))))
        throw new ForeignStoreError();
      if ((await run(ENTER)) !== 1) throw new ForeignStoreError();
    },

    adopt: async () => {
      await run(ADOPT);
    },
  };
}

/** A mark tells nothing of the key, and the same key leaves the same one everywhere. */
export function marksOf(keys: readonly SealingKey[]): readonly string[] {
  return keys.map(({ key }) => createHmac('sha256', key).update(MARKED_TEXT).digest('base64url'));
}

/** What marks that are stored say to who would leave these. */
export function ownerBy(stored: readonly string[], marks: readonly string[]): StoreOwner {
  if (stored.length === 0) return 'unmarked';
  return marks.some((mark) => stored.includes(mark)) ? 'ours' : 'foreign';
}

/** Whether there are grants, and none of the first ones opens. */
async function isSealedByOthers(client: RedisClient, cipher: Cipher): Promise<boolean> {
  const entries = await createRedisGrantIndex(client).page({ limit: GRANTS_LOOKED_AT });
  const records = createRedisGrantRecords(client);
  const opened = await Promise.all(
    entries.map(async ({ id }) => {
      const record = await records.read(id);
      return record && opens(cipher, record.sealed, sealContext(id, record.version));
    }),
  );
  return opened.includes(false) && !opened.includes(true);
}

function opens(cipher: Cipher, sealed: string, context: string): boolean {
  try {
    cipher.open(sealed, context);
    return true;
  } catch (error) {
    if (error instanceof SealError) return false;
    throw error;
  }
}
