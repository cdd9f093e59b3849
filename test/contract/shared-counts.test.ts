import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import type { CountBatch, SharedCounts } from '../../src/http/shared-counts.js';
import { createMemorySharedCounts } from '../../src/memory/shared-counts.js';
import { callCountsKey } from '../../src/redis/keys.js';
import { createRedisSharedCounts } from '../../src/redis/shared-counts.js';
import { rejection } from '../fixtures/shown.js';
import { type Stage, connectTo, stages } from '../support/contract.js';
import { startRedis } from '../support/redis-server.js';

let made = 0;

function batchOf(counts: Record<string, number>, about: Partial<CountBatch> = {}): CountBatch {
  const id = `batch-${(made += 1)}`;
  return { id, window: 60_000, ttlMs: 60_000, counts: new Map(Object.entries(counts)), ...about };
}

describe.each(stages)('SharedCounts of %s', (_name, open) => {
  let stage: Stage;
  let shared: SharedCounts;
  let window = 0;

  beforeAll(async () => {
    stage = await open();
    shared = stage.sharedCounts;
  });

  afterAll(() => stage.close());

  const next = () => ({ window: (window += 60_000) });

  it('the first batch → its own counts, in its order', async () => {
    expect(await shared.add(batchOf({ b: 2, a: 1, c: 3 }, next()))).toEqual([2, 1, 3]);
  });

  it('another batch → the sums of both', async () => {
    const at = next();
    await shared.add(batchOf({ a: 1, b: 2 }, at));
    expect(await shared.add(batchOf({ b: 40, c: 5 }, at))).toEqual([42, 5]);
  });

  it('the same batch again → added once, and the sums as they are by now', async () => {
    const at = next();
    const batch = batchOf({ a: 1 }, at);
    await shared.add(batch);
    await shared.add(batchOf({ a: 10 }, at));
    expect(await shared.add(batch)).toEqual([11]);
    expect(await shared.add(batch)).toEqual([11]);
  });

  it('the next window → starts at nothing', async () => {
    await shared.add(batchOf({ a: 7 }, next()));
    expect(await shared.add(batchOf({ a: 1 }, next()))).toEqual([1]);
  });

  it('five thousand callers → one batch', async () => {
    const counts = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`c${at}`, at]));
    expect(await shared.add(batchOf(counts, next()))).toEqual(Object.values(counts));
  });
});

describe('SharedCounts in Redis', () => {
  it('a window → one key, which ends by itself', async () => {
    const redis = await startRedis();
    const client = await connectTo(redis);
    await createRedisSharedCounts(client).add(batchOf({ a: 1 }, { ttlMs: 90_000 }));
    expect(await client.pttl(callCountsKey(60_000))).toBeGreaterThan(80_000);
    expect(await client.pttl(callCountsKey(60_000))).toBeLessThanOrEqual(90_000);
    client.disconnect();
    await redis.stop();
  });

  it('frozen → StoreUnavailableError; thawed and sent again → added once', async () => {
    const redis = await startRedis();
    const client = await connectTo(redis);
    const shared = createRedisSharedCounts(client);
    const batch = batchOf({ a: 3 });
    redis.pause();
    expect(await rejection(shared.add(batch))).toBeInstanceOf(StoreUnavailableError);
    redis.resume();
    expect(await shared.add(batch)).toEqual([3]);
    client.disconnect();
    await redis.stop();
  });
});

describe('SharedCounts in the process', () => {
  it('a window that is over → forgotten', async () => {
    let now = 0;
    const shared = createMemorySharedCounts({ now: () => now });
    await shared.add(batchOf({ a: 1 }, { ttlMs: 1_000 }));
    now = 1_000;
    expect(await shared.add(batchOf({ a: 1 }))).toEqual([1]);
  });
});
