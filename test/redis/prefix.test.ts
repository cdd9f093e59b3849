import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { closeRedis, connectRedis, waitUntilReady } from '../../src/redis/client.js';
import { inspectStore } from '../../src/redis/inspection.js';
import { keysOf } from '../../src/redis/keys-of.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { connectTo } from '../support/contract.js';
import { useEverything } from '../support/every-use.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

let redis: TestRedis;
let admin: Redis;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  redis = await startRedis();
  admin = (await connectTo(redis)) as Redis;
});

afterAll(async () => {
  for (const end of ends) await end();
  await closeRedis(admin);
  await redis.stop();
});

/** Of a login that Redis itself keeps away from every other key and channel. */
async function clinicB() {
  const names = ['~clinic-b:1:*', '&clinic-b:1:signal:*'];
  await admin.call('ACL', 'SETUSER', 'clinic-b', 'reset', 'on', '>pass', ...names, '+@all');
  const url = redis.url.replace('unix://', 'unix://clinic-b:pass@');
  return { ...parseStoreUrl(url), prefix: 'clinic-b' };
}

describe('an installation with a prefix of its own', () => {
  it('everything that the adapters do → under the prefix, and nothing beside it', async () => {
    const client = connectRedis(await clinicB());
    ends.push(() => closeRedis(client));
    expect(await waitUntilReady(client, 5_000)).toBe(true);
    await useEverything(client);
    const keys = await admin.keys('*');
    expect(keys.length).toBeGreaterThan(5);
    expect(keys.filter((key) => !key.startsWith('clinic-b:1:'))).toEqual([]);
  });

  it('the doctor → tries the commands under the prefix', async () => {
    const inspection = await inspectStore({ address: await clinicB(), readyWaitMs: 2_000 });
    expect(inspection).toMatchObject({ refused: [], channels: 'clinic-b:1:signal:*' });
  });

  it('a connection that was opened by something else → no names at all', () => {
    const copy = admin.duplicate({ lazyConnect: true });
    expect(() => keysOf(copy)).toThrow('no prefix');
    copy.disconnect();
  });
});
