import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { createMemoryGrantRecords } from '../../src/memory/grant-records.js';
import { type RedisClient, closeRedis, waitUntilReady } from '../../src/redis/client.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { grantKey } from '../../src/redis/keys.js';
import { openSaves } from '../../src/redis/saves.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { type Stage, connectTo, stages } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

const DAY_MS = 86_400_000;

let ids = 0;
const newId = () => `us-sandbox:Practitioner:${(ids += 1)}`;
const record = (version: number) => ({ version, sealed: `sealed-${version}` });

type GrantStage = Pick<Stage, 'grantRecords' | 'close'>;

/** Redis as the server opens it: saves wait where the server can be waited for. */
async function openSafeStage(): Promise<GrantStage> {
  const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] });
  const client = await connectTo(redis);
  const saves = openSaves({ address: parseStoreUrl(redis.url), client });
  if (!(await waitUntilReady(saves.client, 5_000))) throw new Error('the test Redis is not ready');
  return {
    grantRecords: createRedisGrantRecords(client, saves.runSave),
    close: async () => {
      await Promise.all([closeRedis(client), closeRedis(saves.client)]);
      await redis.stop();
    },
  };
}

const grantStages: [string, () => Promise<GrantStage>][] = [
  ...stages,
  ['redis with safe saves', openSafeStage],
];

describe.each(grantStages)('GrantRecords of %s', (_name, open) => {
  let stage: GrantStage;
  let records: GrantRecords;

  beforeAll(async () => {
    stage = await open();
    records = stage.grantRecords;
  });

  afterAll(() => stage.close());

  it('nothing stored → no record and version 0', async () => {
    const id = newId();
    expect(await records.read(id)).toBeUndefined();
    expect(await records.lastVersion(id)).toBe(0);
  });

  it('first write expects 0 → stored and read back as it was', async () => {
    const id = newId();
    const sealed = 'k1.\u0000 ünï:{}"\n'.repeat(500);
    expect(await records.compareAndSet(id, { version: 1, sealed }, 0)).toBe(true);
    expect(await records.read(id)).toEqual({ version: 1, sealed });
    expect(await records.lastVersion(id)).toBe(1);
  });

  it('write expects the stored version → replaces the record', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    expect(await records.compareAndSet(id, record(2), 1)).toBe(true);
    expect(await records.read(id)).toEqual(record(2));
  });

  it.each([0, 1, 3])('version 2 stored, write expects %i → refused and unchanged', async (seen) => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    await records.compareAndSet(id, record(2), 1);
    expect(await records.compareAndSet(id, record(seen + 1), seen)).toBe(false);
    expect(await records.read(id)).toEqual(record(2));
  });

  it('100 writers expect the same version → exactly one wins, and its record is stored', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    const attempts = Array.from({ length: 100 }, (_, n) =>
      records.compareAndSet(id, { version: 2, sealed: `writer-${n}` }, 1),
    );
    const won = (await Promise.all(attempts)).flatMap((written, n) => (written ? [n] : []));
    expect(won).toHaveLength(1);
    expect(await records.read(id)).toEqual({ version: 2, sealed: `writer-${won[0]!}` });
  });

  it('other ids → not touched by a write or a removal', async () => {
    const [one, other] = [newId(), newId()];
    await records.compareAndSet(one, record(1), 0);
    await records.compareAndSet(other, record(1), 0);
    await records.remove(one);
    expect(await records.read(other)).toEqual(record(1));
  });

  it('removed → no record, and the removal counts as a version', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    await records.remove(id);
    expect(await records.read(id)).toBeUndefined();
    expect(await records.lastVersion(id)).toBe(2);
  });

  it('removed while a writer slept → its stale version cannot bring the record back', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    await records.remove(id);
    expect(await records.compareAndSet(id, record(2), 1)).toBe(false);
    expect(await records.compareAndSet(id, record(1), 0)).toBe(false);
    expect(await records.read(id)).toBeUndefined();
  });

  it('stored again after a removal → the version has grown', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    await records.remove(id);
    const last = await records.lastVersion(id);
    expect(await records.compareAndSet(id, record(last + 1), last)).toBe(true);
    expect(await records.read(id)).toEqual(record(3));
  });

  it('nothing stored, removed → still nothing, version 0', async () => {
    const id = newId();
    await records.remove(id);
    expect(await records.lastVersion(id)).toBe(0);
  });

  it('100 writes and a removal at once → the removal is never undone by a stale writer', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    const calls = Array.from({ length: 100 }, (_, n) =>
      n === 50 ? records.remove(id) : records.compareAndSet(id, record(2), 1),
    );
    await Promise.all(calls);
    expect(await records.read(id)).toBeUndefined();
    // Nobody promises an order of calls that are under way at once: the removal may come first.
    expect([2, 3]).toContain(await records.lastVersion(id));
  });
});

describe('lifetime of grant records in redis', () => {
  let redis: TestRedis;
  let client: RedisClient;
  let records: GrantRecords;

  beforeAll(async () => {
    redis = await startRedis();
    client = await connectTo(redis);
    records = createRedisGrantRecords(client);
  });

  afterAll(async () => {
    await closeRedis(client);
    await redis.stop();
  });

  it('stored → has no lifetime and holds version and sealed text only', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    expect(await client.pttl(grantKey(id))).toBe(-1);
    expect(await client.hgetall(grantKey(id))).toEqual({ v: '1', s: 'sealed-1' });
  });

  it('removed → only the version is left, for a day', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    await records.remove(id);
    expect(await client.hgetall(grantKey(id))).toEqual({ v: '2' });
    const left = await client.pttl(grantKey(id));
    expect(left).toBeGreaterThan(DAY_MS - 10_000);
    expect(left).toBeLessThanOrEqual(DAY_MS);
  });

  it('stored again after a removal → the end of the removal is taken off', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    await records.remove(id);
    await records.compareAndSet(id, record(3), 2);
    expect(await client.pttl(grantKey(id))).toBe(-1);
  });

  it('scripts flushed, as by a new master → goes on', async () => {
    const id = newId();
    await records.compareAndSet(id, record(1), 0);
    await client.script('FLUSH');
    expect(await records.compareAndSet(id, record(2), 1)).toBe(true);
  });
});

describe('lifetime of grant records in memory', () => {
  it('a day after a removal → its version is forgotten; stored records stay', async () => {
    let now = 1_000;
    const records = createMemoryGrantRecords({ now: () => now });
    await records.compareAndSet('removed', record(1), 0);
    await records.compareAndSet('kept', record(1), 0);
    await records.remove('removed');
    now += DAY_MS - 1;
    expect(await records.lastVersion('removed')).toBe(2);
    now += 1;
    expect(await records.lastVersion('removed')).toBe(0);
    expect(await records.read('kept')).toEqual(record(1));
  });
});
