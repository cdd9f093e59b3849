import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LockTimeoutError } from '../../src/grants/errors.js';
import type { Lock } from '../../src/grants/lock.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { lockKey } from '../../src/redis/keys.js';
import { createRedisLock } from '../../src/redis/lock.js';
import { type Stage, connectTo, stages, until } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

let ids = 0;
const newId = () => `us-sandbox:Practitioner:${(ids += 1)}`;

/** Work that lasts until it is told to end. */
function openWork(result = 'done') {
  let finish: () => void = () => undefined;
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const work = async () => {
    begin();
    await finished;
    return result;
  };
  return { work, begun, finish };
}

describe.each(stages)('Lock of %s', (_name, open) => {
  let stage: Stage;
  let one: Lock;
  let two: Lock;

  beforeAll(async () => {
    stage = await open();
    [one, two] = stage.locks;
  });

  afterAll(() => stage.close());

  it('free → runs the work and hands out its result', async () => {
    expect(await one.run(newId(), 0, () => Promise.resolve(42))).toBe(42);
  });

  it('work fails → its error comes through and the lock is free', async () => {
    const id = newId();
    const failing = one.run(id, 0, () => Promise.reject(new Error('the work failed')));
    await expect(failing).rejects.toThrow('the work failed');
    expect(await two.run(id, 0, () => Promise.resolve('next'))).toBe('next');
  });

  it('held, waitMs 0 → LockTimeoutError at once and the work never runs', async () => {
    const id = newId();
    const holder = openWork();
    const held = one.run(id, 0, holder.work);
    await holder.begun;
    let ran = false;
    const refused = two.run(id, 0, () => Promise.resolve((ran = true)));
    await expect(refused).rejects.toBeInstanceOf(LockTimeoutError);
    holder.finish();
    expect(await held).toBe('done');
    expect(ran).toBe(false);
  });

  it('held for longer than waitMs → LockTimeoutError, and the holder is not disturbed', async () => {
    const id = newId();
    const holder = openWork();
    const held = one.run(id, 0, holder.work);
    await holder.begun;
    const from = performance.now();
    const late = two.run(id, 120, () => Promise.resolve());
    await expect(late).rejects.toBeInstanceOf(LockTimeoutError);
    expect(performance.now() - from).toBeGreaterThan(110);
    holder.finish();
    expect(await held).toBe('done');
  });

  it('released while another waits → the other gets it', async () => {
    const id = newId();
    const holder = openWork();
    const held = one.run(id, 0, holder.work);
    await holder.begun;
    const waiting = two.run(id, 5_000, () => Promise.resolve('mine'));
    holder.finish();
    expect(await waiting).toBe('mine');
    expect(await held).toBe('done');
  });

  it('free → the work hears of no wait; held → of how long it was', async () => {
    const id = newId();
    const holder = openWork();
    const waits: number[] = [];
    const note = (waitedMs: number) => Promise.resolve(waits.push(waitedMs));
    await one.run(id, 5_000, note);
    const held = one.run(id, 0, holder.work);
    await holder.begun;
    const from = performance.now();
    const waiting = two.run(id, 5_000, note);
    await until(() => performance.now() - from > 60);
    holder.finish();
    await Promise.all([held, waiting]);
    expect(waits[0]).toBe(0);
    expect(waits[1]).toBeGreaterThan(50);
    expect(waits[1]).toBeLessThanOrEqual(performance.now() - from);
  });

  it('a waiter gave up → the next one still gets the lock', async () => {
    const id = newId();
    const holder = openWork();
    const held = one.run(id, 0, holder.work);
    await holder.begun;
    await expect(two.run(id, 20, () => Promise.resolve())).rejects.toThrow(LockTimeoutError);
    holder.finish();
    await held;
    expect(await two.run(id, 0, () => Promise.resolve('mine'))).toBe('mine');
  });

  it('40 callers of two processes → one at a time, all of them', async () => {
    const id = newId();
    let inside = 0;
    let most = 0;
    const work = async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    const callers = Array.from({ length: 40 }, (_, n) => (n % 2 ? one : two).run(id, 15_000, work));
    await Promise.all(callers);
    expect(most).toBe(1);
  });

  it('another id → not affected', async () => {
    const holder = openWork();
    const held = one.run(newId(), 0, holder.work);
    await holder.begun;
    expect(await two.run(newId(), 0, () => Promise.resolve('free'))).toBe('free');
    holder.finish();
    await held;
  });
});

describe('leases of the redis lock', () => {
  let redis: TestRedis;
  let client: RedisClient;
  let second: RedisClient;

  beforeAll(async () => {
    redis = await startRedis();
    [client, second] = [await connectTo(redis), await connectTo(redis)];
  });

  afterAll(async () => {
    await Promise.all([closeRedis(client), closeRedis(second)]);
    await redis.stop();
  });

  it('work outlasts the lease → renewed, nobody else gets in', async () => {
    const id = newId();
    const lock = createRedisLock(client, { leaseMs: 120 });
    const other = createRedisLock(second, { leaseMs: 120 });
    const holder = openWork();
    const held = lock.run(id, 0, holder.work);
    await holder.begun;
    const refused = other.run(id, 500, () => Promise.resolve());
    await expect(refused).rejects.toBeInstanceOf(LockTimeoutError);
    holder.finish();
    expect(await held).toBe('done');
    expect(await client.exists(lockKey(id))).toBe(0);
  });

  it('default lease → six seconds, of a random owner each time', async () => {
    const id = newId();
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
