import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ForeignStoreError, StoreUnavailableError } from '../../src/grants/errors.js';
import type { SealingKey } from '../../src/grants/cipher.js';
import { grantId } from '../../src/grants/grant.js';
import {
  type RedisClient,
  closeRedis,
  connectRedis,
  waitUntilReady,
} from '../../src/redis/client.js';
import { createRedisGrantIndex } from '../../src/redis/grant-index.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { createInstallation } from '../../src/redis/installation.js';
import { guardInstallation } from '../../src/redis/installation-guard.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { connectTo } from '../support/contract.js';
import { INSTALLATION_KEY } from '../support/keys.js';
import { keyOfOwner, sealingKey, seedGrants } from '../support/seeded-grants.js';
import { type Database, openDatabase } from '../support/shared-redis.js';
import { until } from '../support/until.js';

const [old, fresh, other] = [sealingKey('k1'), sealingKey('k2'), sealingKey('k1')];

let redis: Database;
let client: RedisClient;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  redis = await openDatabase();
  client = await connectTo(redis);
});

beforeEach(() => client.flushdb());

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
});

const installation = (...sealingKeys: [SealingKey, ...SealingKey[]]) =>
  createInstallation({ client, sealingKeys });
const marks = async () => (await client.smembers(INSTALLATION_KEY)).sort();

/** A store that a version without marks has filled. */
async function olderStore(key: SealingKey): Promise<void> {
  const ids = await seedGrants(createRedisGrantRecords(client), [key], 3);
  for (const id of ids) await createRedisGrantIndex(client).put(id, 'active');
}

describe('whose a store is', () => {
  it('empty → marked by the first that starts, for good', async () => {
    expect(await installation(old).owner()).toBe('unmarked');
    await installation(old).enter();
    expect(await installation(old).owner()).toBe('ours');
    expect(await marks()).toHaveLength(1);
    expect(await client.pttl(INSTALLATION_KEY)).toBe(-1);
  });

  it('another key of the same name → another installation: refused, and nothing is written', async () => {
    await installation(old).enter();
    const before = await marks();
    await expect(installation(other).enter()).rejects.toBeInstanceOf(ForeignStoreError);
    expect(await installation(other).owner()).toBe('foreign');
    expect(await marks()).toEqual(before);
  });

  it('keys are rotated, old and new processes side by side → all of them are at home', async () => {
    for (const keys of [[old], [old, fresh], [fresh, old], [old], [fresh]] as const) {
      await installation(...(keys as [SealingKey])).enter();
    }
    await installation(old).enter();
    expect(await marks()).toHaveLength(2);
  });

  it('two installations start on an empty store at once → one of them is refused', async () => {
    const starts = [installation(old).enter(), installation(other).enter()];
    const outcomes = (await Promise.allSettled(starts)).map(({ status }) => status);
    expect(outcomes.sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('filled by an older version → marked by who can open its grants', async () => {
    await olderStore(old);
    await expect(installation(other).enter()).rejects.toBeInstanceOf(ForeignStoreError);
    expect(await marks()).toEqual([]);
    await installation(fresh, old).enter();
    expect(await marks()).toHaveLength(2);
  });

  it('filled by an older version, entries without grants only → marked', async () => {
    await createRedisGrantIndex(client).put(grantId(keyOfOwner('gone')), 'active');
    await installation(other).enter();
    expect(await installation(other).owner()).toBe('ours');
  });

  it('adopted → its former installation is refused', async () => {
    await installation(old).enter();
    await installation(other).adopt();
    await installation(other).enter();
    await expect(installation(old).enter()).rejects.toBeInstanceOf(ForeignStoreError);
  });

  it('under another prefix → knows nothing of it', async () => {
    await installation(old).enter();
    const beside = connectRedis({ ...parseStoreUrl(redis.url), prefix: 'clinic-b' });
    ends.push(() => closeRedis(beside));
    await waitUntilReady(beside, 5_000);
    const sealingKeys = [other] as const;
    await createInstallation({ client: beside, sealingKeys }).enter();
    expect(await installation(old).owner()).toBe('ours');
  });
});

describe('guardInstallation', () => {
  /** Answers one after the other; the last one for ever. */
  function answering(...answers: (Error | undefined)[]) {
    let asked = 0;
    const enter = () => {
      const answer = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      return answer === undefined ? Promise.resolve() : Promise.reject(answer);
    };
    return { installation: { enter }, asked: () => asked };
  }

  async function guarded(...answers: (Error | undefined)[]) {
    const { installation: asked, ...rest } = answering(...answers);
    const told: Error[] = [];
    const onForeign = (error: Error) => void told.push(error);
    const guard = await guardInstallation({ client, installation: asked, onForeign, againMs: 1 });
    ends.push(guard.close);
    return { ...rest, told };
  }

  it('another installation’s at start → refused', async () => {
    await expect(guarded(new ForeignStoreError())).rejects.toBeInstanceOf(ForeignStoreError);
  });

  it('no answer at start → starts, and asks until there is one', async () => {
    const away = new StoreUnavailableError('test', undefined);
    const { asked, told } = await guarded(away, away, new ForeignStoreError());
    await until(() => told.length === 1);
    expect(asked()).toBe(3);
    expect(told[0]).toBeInstanceOf(ForeignStoreError);
  });

  it('each new connection → asked again; another store behind it → told once', async () => {
    const { asked, told } = await guarded(undefined, undefined, new ForeignStoreError());
    client.emit('ready');
    await until(() => asked() === 2);
    expect(told).toEqual([]);
    client.emit('ready');
    await until(() => told.length === 1);
    client.emit('ready');
    expect(asked()).toBe(3);
  });
});
