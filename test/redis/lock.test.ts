import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { LockTimeoutError } from '../../src/grants/errors.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { lockKey } from '../support/keys.js';
import { createRedisLock } from '../../src/redis/lock.js';
import { openWork } from '../contract/lock.js';
import { connectTo } from '../support/contract.js';
import { type Database, openDatabase } from '../support/shared-redis.js';
import { until } from '../support/until.js';

let ids = 0;
const newId = () => `us-sandbox:Practitioner:${(ids += 1)}`;

describe('leases of the lock in Redis', () => {
  let redis: Database;
  let client: RedisClient;
  let second: RedisClient;

  beforeAll(async () => {
    redis = await openDatabase();
    [client, second] = [await connectTo(redis), await connectTo(redis)];
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  afterAll(async () => {
    await Promise.all([closeRedis(client), closeRedis(second)]);
    await redis.stop();
  });

  it('work goes on → its lease is renewed, and nobody else gets in', async () => {
    const id = newId();
    const lock = createRedisLock(client, { leaseMs: 2_000, renewEveryMs: 20 });
    const holder = openWork();
    const held = lock.run(id, 0, holder.work);
    await holder.begun;
    const left = () => client.pttl(lockKey(id));
    let before = await left();
    await until(async () => {
      const now = await left();
      const risen = now > before;
      before = now;
      return risen;
    });
    const refused = createRedisLock(second).run(id, 0, () => Promise.resolve());
    await expect(refused).rejects.toBeInstanceOf(LockTimeoutError);
    holder.finish();
    expect(await held).toBe('done');
    expect(await client.exists(lockKey(id))).toBe(0);
  });

  it('default lease → six seconds, renewed after each third, of a random owner each time', async () => {
    const id = newId();
    const every = jest.spyOn(globalThis, 'setInterval');
    const lock = createRedisLock(client);
    const look = async () => {
      const left = await client.pttl(lockKey(id));
      expect(left).toBeGreaterThan(5_000);
      expect(left).toBeLessThanOrEqual(6_000);
      return await client.get(lockKey(id));
    };
    const owners = [await lock.run(id, 0, look), await lock.run(id, 0, look)];
    expect(new Set(owners).size).toBe(2);
    expect(owners[0]).toMatch(/^[\w-]{22}$/);
    expect(every).toHaveBeenCalledWith(expect.any(Function), 2_000);
  });

  it('holder died → its lease ends by itself and a waiter gets in', async () => {
    const id = newId();
    await client.set(lockKey(id), 'a process that died', 'PX', 150);
    expect(await createRedisLock(second).run(id, 5_000, () => Promise.resolve('mine'))).toBe(
      'mine',
    );
  });

  it('lease lost to another owner → neither renewed nor released by the first', async () => {
    const id = newId();
    const lock = createRedisLock(client, { leaseMs: 6_000, renewEveryMs: 5 });
    await lock.run(id, 0, async () => {
      await client.set(lockKey(id), 'another owner', 'PX', 400);
      await until(async () => (await client.pttl(lockKey(id))) < 300);
    });
    expect(await client.get(lockKey(id))).toBe('another owner');
  });

  it('waits → polls slower as the wait grows, and never past the limit', async () => {
    const id = newId();
    await client.set(lockKey(id), 'another owner');
    let clock = 0;
    const pauses: number[] = [];
    const shares: number[] = [];
    const lock = createRedisLock(client, {
      pollMs: 20,
      elapsed: () => clock,
      sleep: (ms) => {
        pauses.push(ms);
        if (clock > 500) shares.push(ms / clock);
        clock += ms;
        return Promise.resolve();
      },
    });
    await expect(lock.run(id, 30_000, () => Promise.resolve())).rejects.toThrow(LockTimeoutError);
    expect(pauses[0]).toBeLessThanOrEqual(30);
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.075);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(300);
    expect(pauses.length).toBeLessThan(30_000 / 100);
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(30_000);
  });
});
