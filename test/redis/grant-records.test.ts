import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { grantKey, lockKey, pendingKey, sessionKey } from '../support/keys.js';
import { connectTo } from '../support/contract.js';
import { DURABLE, startRedis } from '../support/redis-server.js';
import { type Database, openDatabase } from '../support/shared-redis.js';
import { until } from '../support/until.js';

const DAY_MS = 86_400_000;

let ids = 0;
const newId = () => `us-sandbox:Practitioner:${(ids += 1)}`;
const record = (version: number) => ({ version, sealed: `sealed-${version}` });

describe('lifetime of grant records in Redis', () => {
  let redis: Database;
  let client: RedisClient;
  let records: GrantRecords;

  beforeAll(async () => {
    redis = await openDatabase();
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
});

describe('a grant record that is damaged', () => {
  let redis: Database;
  let client: RedisClient;
  let records: GrantRecords;

  beforeAll(async () => {
    redis = await openDatabase();
    client = await connectTo(redis);
    records = createRedisGrantRecords(client);
  });

  afterAll(async () => {
    await closeRedis(client);
    await redis.stop();
  });

  const versions = ['x', '', '1.5', '-1', '0x1f', 'nan', 'inf', '1e3', '9'.repeat(40)];

  it.each(versions)('version "%s" → counts as 0, and a write over it is taken', async (v) => {
    const id = newId();
    await client.hset(grantKey(id), { v, s: 'sealed' });
    const found = await records.read(id);
    expect(found).toEqual(v === '' ? undefined : { version: 0, sealed: 'sealed' });
    expect(await records.lastVersion(id)).toBe(0);
    expect(await records.compareAndSet(id, record(8), 7)).toBe(false);
    expect(await records.compareAndSet(id, record(1), 0)).toBe('confirmed');
    expect(await records.read(id)).toEqual(record(1));
  });

  it.each(versions)('version "%s", removed → gone, and the removal counts', async (v) => {
    const id = newId();
    await client.hset(grantKey(id), { v, s: 'sealed' });
    expect(await records.remove(id, 3)).toBe(false);
    expect(await records.remove(id)).toBe(true);
    expect(await records.read(id)).toBeUndefined();
    expect(await records.lastVersion(id)).toBe(1);
  });

  it.each([
    ['a string', (key: string) => client.set(key, 'x')],
    ['a list', (key: string) => client.lpush(key, 'x')],
  ])('%s in its place → no record, and a write over it is taken', async (_what, put) => {
    const id = newId();
    await put(grantKey(id));
    expect(await records.read(id)).toBeUndefined();
    expect(await records.lastVersion(id)).toBe(0);
    expect(await records.compareAndSet(id, record(1), 0)).toBe('confirmed');
    expect(await records.read(id)).toEqual(record(1));
    expect(await client.type(grantKey(id))).toBe('hash');
  });

  it('a string in its place, removed → gone', async () => {
    const id = newId();
    await client.set(grantKey(id), 'x');
    expect(await records.remove(id)).toBe(true);
    expect(await client.exists(grantKey(id))).toBe(0);
  });
});

describe('ids of grant records in Redis', () => {
  const list = async (records: GrantRecords) => {
    const listed: string[] = [];
    for await (const page of records.ids()) listed.push(...page);
    return listed.sort();
  };

  it('lists grants only, whatever else is stored', async () => {
    const redis = await openDatabase();
    const client = await connectTo(redis);
    const records = createRedisGrantRecords(client);
    await records.compareAndSet('us-sandbox:Staff:a', record(1), 0);
    for (const key of [lockKey('us-sandbox:Staff:a'), sessionKey('s'), pendingKey('p'), 'other']) {
      await client.set(key, 'x');
    }
    expect(await list(records)).toEqual(['us-sandbox:Staff:a']);
    await closeRedis(client);
    await redis.stop();
  });

  it('Redis restarts half-way → fails, because its cursor has lost its meaning', async () => {
    const redis = await startRedis({ args: DURABLE });
    const client = await connectTo(redis);
    const records = createRedisGrantRecords(client);
    for (let i = 0; i < 300; i += 1) await records.compareAndSet(newId(), record(1), 0);
    const answers = () =>
      client.ping().then(
        () => true,
        () => false,
      );
    const listing = (async () => {
      for await (const page of records.ids()) {
        expect(page.length).toBeGreaterThan(0);
        await redis.restart();
        await until(answers);
      }
    })();
    await expect(listing).rejects.toMatchObject({ code: 'store_unavailable' });
    expect((await list(records)).length).toBe(300);
    await closeRedis(client);
    await redis.stop();
  });
});
