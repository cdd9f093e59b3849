import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { type RedisClient, closeRedis, connectRedis } from '../../src/redis/client.js';
import { createRedisDisabledUsers } from '../../src/redis/disabled-users.js';
import { createRedisGrantIndex } from '../../src/redis/grant-index.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import {
  activityKey,
  callCountsKey,
  pendingKey,
  rateLimitKey,
  refreshFailureKey,
} from '../support/keys.js';
import { createRedisPendingAuthorizations } from '../../src/redis/pending-authorizations.js';
import { createRedisRateLimitStore } from '../../src/redis/rate-limit-store.js';
import { createRedisRefreshFailures } from '../../src/redis/refresh-failures.js';
import { createRedisSharedCounts } from '../../src/redis/shared-counts.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import { hits, opened } from '../contract/rate-limit-store.js';
import { first } from '../contract/refresh-failures.js';
import { batchOf } from '../contract/shared-counts.js';
import { entry } from '../contract/user-activity.js';
import { rejection } from '../fixtures/shown.js';
import { connectTo } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { type Database, openDatabase } from '../support/shared-redis.js';
import { until } from '../support/until.js';

let redis: Database;
let client: RedisClient;
/** What a test has opened beside it. */
const others: RedisClient[] = [];

beforeAll(async () => {
  redis = await openDatabase();
  client = await connectTo(redis);
});

afterEach(async () => {
  await Promise.all(others.splice(0).map(closeRedis));
  await client.flushdb();
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
});

/** A client that goes with its test. */
function keep(another: RedisClient): RedisClient {
  others.push(another);
  return another;
}

/** What is left of a key's life is at most this, and hardly less. */
async function expectLeft(key: string, ms: number): Promise<void> {
  const left = await client.pttl(key);
  expect(left).toBeGreaterThan(ms - 10_000);
  expect(left).toBeLessThanOrEqual(ms);
}

describe('lifetimes in Redis', () => {
  it('a pending authorization → exactly the time asked for', async () => {
    await createRedisPendingAuthorizations(client).save('state', 'sealed', 600_000);
    await expectLeft(pendingKey('state'), 600_000);
  });

  it('a failure of a refresh → five minutes after its wait', async () => {
    await createRedisRefreshFailures(client).keep('id', first, 60_000);
    await expectLeft(refreshFailureKey('id'), 360_000);
  });

  it('a window of shared counts → one key, which ends by itself', async () => {
    await createRedisSharedCounts(client).add(batchOf({ a: 1 }, { ttlMs: 90_000 }));
    await expectLeft(callCountsKey(60_000), 90_000);
  });

  it('activity of a user → 90 days from the last entry on', async () => {
    const activity = createRedisUserActivity(client);
    await activity.record('anna', entry(1));
    await client.pexpire(activityKey('anna'), 5_000);
    await activity.record('anna', entry(2));
    await expectLeft(activityKey('anna'), 90 * 24 * 60 * 60_000);
  });
});

describe('what cannot be read in Redis', () => {
  it.each(['', 'not JSON', '{"count":"many"}'])(
    'a failure of a refresh that is %j → as if there were none',
    async (text) => {
      await client.hset(refreshFailureKey('id'), 'f', text, 'u', '1');
      expect(await createRedisRefreshFailures(client).read('id')).toBeUndefined();
    },
  );

  it.each(['soon', ''])('a failure whose wait ends %j → as if it were over', async (u) => {
    const failures = createRedisRefreshFailures(client);
    await failures.keep('id', first, 60_000);
    await client.hset(refreshFailureKey('id'), 'u', u);
    expect(await failures.read('id')).toMatchObject({ waitMs: 0 });
  });

  it('a failure without an end of its wait → as if it were over', async () => {
    const failures = createRedisRefreshFailures(client);
    await failures.keep('id', first, 60_000);
    await client.hdel(refreshFailureKey('id'), 'u');
    expect(await failures.read('id')).toMatchObject({ waitMs: 0 });
  });

  it('something else under the key of a failure → as if there were none', async () => {
    const failures = createRedisRefreshFailures(client);
    await client.set(refreshFailureKey('other'), 'no hash');
    expect(await failures.read('other')).toBeUndefined();
    await failures.keep('other', first, 60_000);
    expect(await failures.read('other')).toMatchObject(first);
  });

  it('an entry of the activity → left out, and the others shown', async () => {
    const activity = createRedisUserActivity(client);
    const key = activityKey('berta');
    await activity.record('berta', entry(1));
    await client.xadd(key, '*', 'at', '7');
    await client.xadd(key, '*', 'event', 'x', 'at', 'noon');
    await client.xadd(key, '*', 'event', 'x', 'at', '1e300');
    await client.xadd(key, '*', 'event', 'x', 'at', '9', 'more', 'by a later version');
    const { entries } = await activity.list('berta', { limit: 20 });
    expect(entries).toEqual([{ event: 'x', at: 9 }, entry(1)]);
  });

  it('something else under the key of the activity → StoreUnavailableError', async () => {
    await client.set(activityKey('carla'), 'no stream');
    const refused = createRedisUserActivity(client).list('carla', { limit: 1 });
    await expect(refused).rejects.toBeInstanceOf(StoreUnavailableError);
  });
});

describe('counts of a rate limit in Redis', () => {
  it('two processes → one count, in a key that ends with the window', async () => {
    const second = keep(await connectTo(redis));
    const [one, other] = [
      await opened(createRedisRateLimitStore(client, 'start')),
      await opened(createRedisRateLimitStore(second, 'start')),
    ];
    expect(await hits(one, 'a')).toBe(1);
    expect(await hits(other, 'a')).toBe(2);
    await expectLeft(rateLimitKey('start', 'a'), 60_000);
  });

  it('given back after the window → leaves no key behind', async () => {
    const store = await opened(createRedisRateLimitStore(client, 'late'));
    await store.decrement('a');
    expect(await client.exists(rateLimitKey('late', 'a'))).toBe(0);
  });
});

describe('Redis in trouble', () => {
  let own: TestRedis;

  beforeAll(async () => {
    own = await startRedis();
  });

  afterAll(() => own.stop());

  it('scripts flushed, as by a new master → grants are saved and limits counted all the same', async () => {
    const its = keep(await connectTo(own));
    const records = createRedisGrantRecords(its);
    const store = await opened(createRedisRateLimitStore(its, 'flushed'));
    await records.compareAndSet('id', { version: 1, sealed: 's' }, 0);
    await store.increment('a');
    await its.script('FLUSH');
    expect(await records.compareAndSet('id', { version: 2, sealed: 's' }, 1)).not.toBe(false);
    await its.script('FLUSH');
    expect(await hits(store, 'a')).toBe(2);
  });

  it('frozen → a batch of counts fails; thawed and sent again → added once', async () => {
    const hasty = keep(connectRedis(parseStoreUrl(own.url), { commandTimeoutMs: 50 }));
    await until(() => hasty.status === 'ready');
    const batch = batchOf({ a: 3 });
    own.pause();
    const failed = await rejection(createRedisSharedCounts(hasty).add(batch));
    expect(failed).toBeInstanceOf(StoreUnavailableError);
    own.resume();
    const patient = keep(await connectTo(own));
    expect(await createRedisSharedCounts(patient).add(batch)).toEqual([3]);
  });

  it('gone → StoreUnavailableError, whatever is asked: no user is let in by mistake', async () => {
    const lost = keep(await connectTo(own));
    const users = createRedisDisabledUsers(lost);
    const index = createRedisGrantIndex(lost);
    const activity = createRedisUserActivity(lost);
    await own.kill();
    const calls = [
      ...[users.has('x'), users.add('x'), users.remove('x'), users.all()],
      ...[index.enter('x'), index.put('x', 'active'), index.drop('x'), index.page({ limit: 1 })],
      ...[index.counts(), index.isChecked(), index.noteChecked(1)],
      ...[activity.record('x', entry(1)), activity.list('x', { limit: 1 })],
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: expect.any(StoreUnavailableError),
      });
    }
  });

  it('away when the counts of a limit are opened → StoreUnavailableError, and works when it comes', async () => {
    const early = keep(connectRedis(parseStoreUrl(own.url)));
    const store = await opened(createRedisRateLimitStore(early, 'early'));
    expect(await rejection(hits(store, 'a'))).toBeInstanceOf(StoreUnavailableError);
    await own.restart();
    await until(async () => (await hits(store, 'a').catch(() => 0)) > 0);
  });
});
