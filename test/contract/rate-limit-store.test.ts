import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Options, Store } from 'express-rate-limit';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { closeRedis, connectRedis } from '../../src/redis/client.js';
import { rateLimitKey } from '../../src/redis/keys.js';
import { createRedisRateLimitStore } from '../../src/redis/rate-limit-store.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { rejection } from '../fixtures/shown.js';
import { type Stage, connectTo, stages, until } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

/** What express-rate-limit does with a store when a limit is made. */
async function opened(store: Store, windowMs = 60_000): Promise<Store> {
  await store.init?.({ windowMs } as Options);
  return store;
}

const hits = async (store: Store, key: string) => (await store.increment(key)).totalHits;

describe.each(stages)('counts of a rate limit in %s', (_name, open) => {
  let stage: Stage;
  let names = 0;
  const newStore = (windowMs?: number) =>
    opened(stage.rateLimit(`limit-${(names += 1)}`), windowMs);

  beforeAll(async () => {
    stage = await open();
  });

  afterAll(() => stage.close());

  it('requests of one caller → one after the other, until the window is over', async () => {
    const store = await newStore();
    const all = await Promise.all(Array.from({ length: 20 }, () => hits(store, 'a')));
    expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    const { resetTime } = await store.increment('a');
    expect(resetTime!.getTime() - Date.now()).toBeGreaterThan(50_000);
    expect(resetTime!.getTime() - Date.now()).toBeLessThanOrEqual(60_000);
  });

  it('another caller → a count of his own', async () => {
    const store = await newStore();
    await store.increment('a');
    expect(await hits(store, 'b')).toBe(1);
  });

  it('given back → one less, never below nothing', async () => {
    const store = await newStore();
    await store.increment('a');
    await store.increment('a');
    await store.decrement('a');
    expect(await hits(store, 'a')).toBe(2);
    for (let i = 0; i < 4; i += 1) await store.decrement('a');
    expect(await hits(store, 'a')).toBe(1);
  });

  it('the window is over → begins anew', async () => {
    const store = await newStore(200);
    for (let i = 0; i < 5; i += 1) await store.increment('a');
    await until(async () => (await hits(store, 'a')) < 5);
  });

  it('forgotten → begins anew', async () => {
    const store = await newStore();
    await store.increment('a');
    await store.resetKey('a');
    expect(await hits(store, 'a')).toBe(1);
  });
});

describe('counts of a rate limit in Redis', () => {
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(() => redis.stop());

  it('two processes → one count, in a key that ends with the window', async () => {
    const clients = [await connectTo(redis), await connectTo(redis)];
    const [one, other] = await Promise.all(
      clients.map((client) => opened(createRedisRateLimitStore(client, 'start'))),
    );
    expect(await hits(one!, 'a')).toBe(1);
    expect(await hits(other!, 'a')).toBe(2);
    const ttl = await clients[0]!.pttl(rateLimitKey('start', 'a'));
    expect(ttl).toBeGreaterThan(50_000);
    await Promise.all(clients.map(closeRedis));
  });

  it('given back after the window → leaves no key behind', async () => {
    const client = await connectTo(redis);
    const store = await opened(createRedisRateLimitStore(client, 'late'));
    await store.decrement('a');
    expect(await client.exists(rateLimitKey('late', 'a'))).toBe(0);
    await closeRedis(client);
  });

  it('scripts flushed → counts on', async () => {
    const client = await connectTo(redis);
    const store = await opened(createRedisRateLimitStore(client, 'flushed'));
    await store.increment('a');
    await client.script('FLUSH');
    expect(await hits(store, 'a')).toBe(2);
    await closeRedis(client);
  });

  it('away when the store is made → StoreUnavailableError, and works when Redis comes', async () => {
    await redis.kill();
    const client = connectRedis(parseStoreUrl(redis.url));
    const store = await opened(createRedisRateLimitStore(client, 'early'));
    expect(await rejection(hits(store, 'a'))).toBeInstanceOf(StoreUnavailableError);
    await redis.restart();
    await until(async () => (await hits(store, 'a').catch(() => 0)) > 0);
    await closeRedis(client);
  });
});
