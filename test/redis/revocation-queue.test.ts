import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import type { QueuedRevocation } from '../../src/grants/revocation-queue.js';
import { closeRedis, connectRedis, waitUntilReady } from '../../src/redis/client.js';
import { REVOCATION_QUEUE } from '../support/keys.js';
import { createRedisRevocationQueue } from '../../src/redis/revocation-queue.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { freePort } from '../support/app.js';
import { DURABLE, type TestRedis, startRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';
import { gate } from '../support/gate.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function redisServer(...args: string[]): Promise<TestRedis> {
  const redis = await startRedis({ args });
  ends.push(() => redis.stop());
  return redis;
}

/** A process of its own, as far as Redis can tell. */
async function openAt(url: string, readyWaitMs = 5_000) {
  const client = connectRedis(parseStoreUrl(url));
  await waitUntilReady(client, readyWaitMs);
  const errors: string[] = [];
  const onError = ({ message }: Error) => void errors.push(message);
  const queue = createRedisRevocationQueue({ client, onError, afterErrorMs: 10 });
  const seen: QueuedRevocation[] = [];
  const close = async () => {
    await queue.close();
    await closeRedis(client);
  };
  ends.push(close);
  const deliver = (work: () => Promise<void> = () => Promise.resolve()) => {
    queue.deliver(async (one) => {
      seen.push(one);
      await work();
      return undefined;
    });
  };
  return { client, queue, errors, seen, deliver, close };
}

const entry = (): QueuedRevocation => ({ id: randomUUID(), addedAt: Date.now(), sealed: 'k1.x' });
const KEYS = `${REVOCATION_QUEUE.prefix}:${REVOCATION_QUEUE.name}:`;

describe('the queue of revocations in Redis', () => {
  it('a process that hands an entry back → another one has it at once, as it was', async () => {
    const redis = await redisServer();
    const [without, holder] = [await openAt(redis.url), await openAt(redis.url)];
    const job = entry();
    let handedBack = 0;
    without.queue.deliver(({ sealed }) => {
      handedBack += 1;
      return Promise.resolve({ sealed, inMs: 1 });
    });
    await without.queue.add(job, 0);
    await until(() => handedBack > 0);
    holder.deliver();
    await until(() => holder.seen.length === 1);
    expect(holder.seen).toEqual([job]);
  });

  it('two processes → each entry goes to one of them', async () => {
    const redis = await redisServer();
    const [one, two] = [await openAt(redis.url), await openAt(redis.url)];
    one.deliver();
    two.deliver();
    const entries = Array.from({ length: 30 }, entry);
    await Promise.all(entries.map((each, n) => (n % 2 ? one : two).queue.add(each, 50)));
    const all = () => [...one.seen, ...two.seen].map(({ id }) => id);
    await until(() => all().length === 30);
    expect(new Set(all())).toEqual(new Set(entries.map(({ id }) => id)));
  });

  it('done → nothing is left of an entry, and all keys share a slot', async () => {
    const redis = await redisServer();
    const { client, queue, seen, deliver } = await openAt(redis.url);
    deliver();
    const one = entry();
    await queue.add(one, 50);
    const keys = () => (client as Redis).keys('*');
    expect(await keys()).toContain(`${KEYS}${one.id}`);
    await until(async () => seen.length === 1 && !(await keys()).includes(`${KEYS}${one.id}`));
    for (const key of await keys()) expect(key.startsWith(KEYS)).toBe(true);
    const kinds = (await keys()).map((key) => key.slice(KEYS.length)).sort();
    expect(kinds).toEqual(['events', 'id', 'meta', 'stalled-check']);
    expect(await (client as Redis).xlen(`${KEYS}events`)).toBeLessThan(200);
  });

  it('Redis killed and restarted with its file → delivered all the same, by the same worker', async () => {
    const redis = await redisServer(...DURABLE);
    const { queue, seen, deliver, errors } = await openAt(redis.url);
    deliver();
    const one = entry();
    await queue.add(one, 100);
    await redis.kill();
    await until(() => errors.some((message) => message.includes('ECONNREFUSED')));
    await redis.restart();
    await until(() => seen.length === 1);
    expect(seen).toEqual([one]);
  });

  it('Redis is restarted while an entry is handled → it is handled to the end, or again', async () => {
    const redis = await redisServer(...DURABLE);
    const { client, queue, seen, deliver } = await openAt(redis.url);
    const { opened, open: finish } = gate();
    deliver(() => opened);
    const one = entry();
    await queue.add(one, 0);
    await until(() => seen.length === 1);
    await redis.restart();
    finish();
    const left = () => client.exists(`${KEYS}${one.id}`).catch(() => 1);
    await until(async () => (await left()) === 0);
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set([one.id]));
  });

  it.each([
    ['gone', (redis: TestRedis) => redis.kill()],
    [
      'frozen',
      (redis: TestRedis) => {
        redis.pause();
        return Promise.resolve();
      },
    ],
  ])('Redis is %s → add and remove fail at once, and closing does not hang', async (_how, end) => {
    const redis = await redisServer();
    const { queue, deliver, close, client } = await openAt(redis.url);
    deliver();
    await queue.add(entry(), 60_000);
    await end(redis);
    for (const call of [() => queue.add(entry(), 0), () => queue.remove('x')]) {
      const from = performance.now();
      await expect(call()).rejects.toBeInstanceOf(StoreUnavailableError);
      expect(performance.now() - from).toBeLessThan(1_000);
    }
    client.disconnect();
    const from = performance.now();
    await close();
    expect(performance.now() - from).toBeLessThan(13_000);
  });

  it('Redis is away from the start → nothing hangs, and all is well when it comes', async () => {
    const redis = await redisServer();
    await redis.kill();
    const client = connectRedis(parseStoreUrl(redis.url));
    const queue = createRedisRevocationQueue({ client, onError: () => undefined });
    ends.push(async () => {
      await queue.close();
      await closeRedis(client);
    });
    const seen: QueuedRevocation[] = [];
    queue.deliver((one) => {
      seen.push(one);
      return Promise.resolve(undefined);
    });
    await expect(queue.add(entry(), 0)).rejects.toBeInstanceOf(StoreUnavailableError);
    await redis.restart();
    expect(await waitUntilReady(client, 5_000)).toBe(true);
    await queue.add(entry(), 0);
    await until(() => seen.length === 1);
  });

  it.each(['redis://HOST', 'redis+cluster://HOST', 'redis+sentinel://HOST/main'])(
    '%s never answers → add fails, and closing does not hang',
    async (address) => {
      const url = address.replace('HOST', `127.0.0.1:${await freePort()}`);
      const { queue, deliver, close, errors } = await openAt(url, 0);
      deliver();
      await expect(queue.add(entry(), 0)).rejects.toBeInstanceOf(StoreUnavailableError);
      await until(() => errors.length > 0);
      const from = performance.now();
      await close();
      expect(performance.now() - from).toBeLessThan(5_000);
    },
  );
});
