import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { closeRedis } from '../../src/redis/client.js';
import { nameKeys } from '../../src/redis/keys-of.js';
import { createWriteTrial } from '../../src/redis/write-trial.js';
import { connectTo } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

let redis: TestRedis;
let client: Redis;
/** Another connection, which may do everything. */
let admin: Redis;
let now: number;

beforeAll(async () => {
  redis = await startRedis();
  client = (await connectTo(redis)) as Redis;
  admin = (await connectTo(redis)) as Redis;
});

beforeEach(() => {
  now = 0;
});

afterAll(async () => {
  await Promise.all([client, admin].map(closeRedis));
  await redis.stop();
});

const trial = () => createWriteTrial({ client, elapsed: () => now });

async function writes(): Promise<number> {
  const stats = await admin.info('commandstats');
  return Number(/^cmdstat_set:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
}

describe('createWriteTrial', () => {
  it('asked by many → one key, written once in two seconds, that ends by itself', async () => {
    const tryWrite = trial();
    const before = await writes();
    expect(await Promise.all([tryWrite(), tryWrite()])).toEqual(['taken', 'taken']);
    now = 1_999;
    expect(await tryWrite()).toBe('taken');
    expect(await writes()).toBe(before + 1);
    now = 2_000;
    expect(await tryWrite()).toBe('taken');
    expect(await writes()).toBe(before + 2);
    expect(await admin.keys('*')).toEqual(['fc:1:readiness:0']);
    expect(await admin.pttl('fc:1:readiness:0')).toBeGreaterThan(0);
  });

  it.each([
    ['maxmemory', '1', '0'],
    ['min-replicas-to-write', '1', '0'],
  ])(
    'refused because of %s %s → refused for two seconds, then tried again',
    async (name, bad, good) => {
      const tryWrite = trial();
      await admin.config('SET', name, bad);
      try {
        expect(await tryWrite()).toBe('refused');
      } finally {
        await admin.config('SET', name, good);
      }
      expect(await tryWrite()).toBe('refused');
      now = 2_000;
      expect(await tryWrite()).toBe('taken');
    },
  );

  it.each([
    ['READONLY You can’t write against a read only replica.', 'refused'],
    ['NOPERM this user has no permissions to run the set command', 'refused'],
    ['MISCONF Redis is configured to save RDB snapshots, but it’s unable to', 'refused'],
    ['CLUSTERDOWN The cluster is down', 'StoreUnavailableError'],
    ['LOADING Redis is loading the dataset in memory', 'StoreUnavailableError'],
  ])('Redis answers %s → %s', async (message, expected) => {
    const error = Object.assign(new Error(message), { name: 'ReplyError' });
    const refusing = { set: () => Promise.reject(error) } as unknown as Redis;
    nameKeys(refusing, undefined);
    const outcome = await createWriteTrial({ client: refusing })().catch(
      (failure: unknown) => (failure as Error).name,
    );
    expect(outcome).toBe(expected);
  });

  it('no answer → an error for those who waited; the next caller asks again', async () => {
    const tryWrite = trial();
    redis.pause();
    try {
      const both = await Promise.allSettled([tryWrite(), tryWrite()]);
      const names = both.map((one) =>
        one.status === 'rejected' ? (one.reason as Error).name : '',
      );
      expect(names).toEqual(['StoreUnavailableError', 'StoreUnavailableError']);
    } finally {
      redis.resume();
    }
    expect(await tryWrite()).toBe('taken');
  });
});
