import { afterEach, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { Cluster, Redis } from 'ioredis';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import {
  type ClientOptions,
  type RedisClient,
  closeRedis,
  connectRedis,
  waitUntilReady,
} from '../../src/redis/client.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { createRedisLock } from '../../src/redis/lock.js';
import { createRedisPendingAuthorizations } from '../../src/redis/pending-authorizations.js';
import { type StoreAddress, parseStoreUrl } from '../../src/redis/store-url.js';
import { DURABLE, type TestRedis, startRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';

const NOBODY = 'unix:///nonexistent/redis.sock';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function redisServer(args: string[] = []): Promise<TestRedis> {
  const redis = await startRedis({ args });
  ends.push(() => redis.stop());
  return redis;
}

function connect(address: StoreAddress, options?: ClientOptions): RedisClient {
  const client = connectRedis(address, options);
  ends.push(() => closeRedis(client));
  return client;
}

/** One use of each adapter. */
function uses(client: RedisClient): [string, () => Promise<unknown>][] {
  const records = createRedisGrantRecords(client);
  const pending = createRedisPendingAuthorizations(client);
  const lock = createRedisLock(client);
  return [
    ['read', () => records.read('id')],
    ['compareAndSet', () => records.compareAndSet('id', { version: 1, sealed: 's' }, 0)],
    ['remove', () => records.remove('id')],
    ['lastVersion', () => records.lastVersion('id')],
    ['save', () => pending.save('id', 'value', 1_000)],
    ['take', () => pending.take('id')],
    ['peek', () => pending.peek('id')],
    ['lock', () => lock.run('id', 30_000, () => Promise.resolve())],
  ];
}

async function expectQuickFailures(client: RedisClient): Promise<void> {
  const from = performance.now();
  const outcomes = await Promise.all(
    uses(client).map(async ([name, use]) => [name, await use().catch((error: unknown) => error)]),
  );
  // By the clock, since this is the claim: a request waits no longer for a store that does not answer.
  expect(performance.now() - from).toBeLessThan(2_000);
  for (const [name, outcome] of outcomes) {
    expect([name, outcome]).toEqual([name, expect.any(StoreUnavailableError)]);
  }
}

const works = (client: RedisClient) =>
  createRedisGrantRecords(client)
    .lastVersion('id')
    .then(
      () => true,
      () => false,
    );

describe('connectRedis', () => {
  it('nobody there → errors at once, is told of, and nothing is queued', async () => {
    const errors: Error[] = [];
    const client = connect(parseStoreUrl(NOBODY), { onError: (error) => errors.push(error) });
    await expectQuickFailures(client);
    await until(() => errors.length > 1);
    expect(errors[0]).toMatchObject({ code: 'ENOENT' });
  });

  it('no onError given, nobody there → the process goes on', async () => {
    const client = connect(parseStoreUrl(NOBODY));
    expect(await waitUntilReady(client, 50)).toBe(false);
  });

  it('server killed and restarted → errors at once, then works without a new client', async () => {
    const redis = await redisServer(DURABLE);
    const states: string[] = [];
    const client = connect(parseStoreUrl(redis.url), { onStateChange: (one) => states.push(one) });
    await waitUntilReady(client, 5_000);
    const records = createRedisGrantRecords(client);
    await records.compareAndSet('id', { version: 1, sealed: 'kept' }, 0);
    await redis.kill();
    await expectQuickFailures(client);
    await redis.restart();
    await until(() => works(client), 3_000);
    expect(await records.read('id')).toEqual({ version: 1, sealed: 'kept' });
    expect(states).toEqual(['ready', 'lost', 'ready']);
  });

  it('server killed with commands in flight → they fail and are not sent again', async () => {
    const redis = await redisServer();
    const client = connect(parseStoreUrl(redis.url));
    await waitUntilReady(client, 5_000);
    redis.pause();
    const written = client.set('written', 'twice').catch((error: unknown) => error);
    await redis.kill();
    expect(await written).toBeInstanceOf(Error);
    await redis.restart();
    await until(() => works(client), 3_000);
    expect(await client.get('written')).toBeNull();
  });

  it('server frozen, time-out as it is by default → errors in time, then works without a new client', async () => {
    const redis = await redisServer();
    const client = connect(parseStoreUrl(redis.url));
    await waitUntilReady(client, 5_000);
    redis.pause();
    await expectQuickFailures(client);
    redis.resume();
    await until(() => works(client), 3_000);
  });

  it('server frozen until the connection is given up → works again after it thaws', async () => {
    const redis = await redisServer();
    const states: string[] = [];
    const client = connect(parseStoreUrl(redis.url), {
      commandTimeoutMs: 50,
      onStateChange: (one) => states.push(one),
    });
    await waitUntilReady(client, 5_000);
    redis.pause();
    await expectQuickFailures(client);
    await until(() => states.includes('lost'));
    await expectQuickFailures(client);
    redis.resume();
    await until(() => works(client), 5_000);
    expect(states).toEqual(['ready', 'lost', 'ready']);
  });

  it('server made a replica (READONLY) → writes refused in time; master again → works', async () => {
    const redis = await redisServer();
    const client = connect(parseStoreUrl(redis.url));
    await waitUntilReady(client, 5_000);
    const connections: number[] = [];
    client.on('connect', () => connections.push(performance.now()));
    const admin = connect(parseStoreUrl(redis.url));
    await waitUntilReady(admin, 5_000);
    // Of nobody: what counts is that it refuses writes.
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    const from = performance.now();
    const record = { version: 1, sealed: 's' };
    const refused = createRedisGrantRecords(client).compareAndSet('id', record, 0);
    await expect(refused).rejects.toBeInstanceOf(StoreUnavailableError);
    const written = client.set('key', 'value');
    await expect(written).rejects.toThrow(/READONLY|writeable/);
    expect(performance.now() - from).toBeLessThan(1_000);
    // It asks again where the master is, which is what finds a new one.
    await until(() => connections.length > 0);
    await admin.call('REPLICAOF', 'NO', 'ONE');
    await until(async () => (await client.set('key', 'value').catch(() => '')) === 'OK');
  });

  it('frozen until the try of a lock is given up → the lock is not left behind', async () => {
    const redis = await redisServer();
    const client = connect(parseStoreUrl(redis.url), { commandTimeoutMs: 100 });
    await waitUntilReady(client, 5_000);
    const lock = createRedisLock(client);
    redis.pause();
    const refused = lock.run('id', 0, () => Promise.resolve());
    await expect(refused).rejects.toBeInstanceOf(StoreUnavailableError);
    redis.resume();
    await until(() => works(client), 3_000);
    expect(await lock.run('id', 0, () => Promise.resolve('free'))).toBe('free');
  });

  it('frozen while the work runs → the work counts, not the renewal or the release', async () => {
    const redis = await redisServer();
    const client = connect(parseStoreUrl(redis.url), { commandTimeoutMs: 50 });
    await waitUntilReady(client, 5_000);
    const lock = createRedisLock(client, { leaseMs: 300, renewEveryMs: 10 });
    const work = async () => {
      redis.pause();
      await client.ping().catch(() => undefined);
      return 'done';
    };
    expect(await lock.run('id', 0, work)).toBe('done');
    redis.resume();
  });

  it('wrong password → errors at once; the password is in none of them', async () => {
    const redis = await redisServer(['--requirepass', 'hunter2']);
    const errors: Error[] = [];
    const client = connect(parseStoreUrl(`unix://:wrong-one@${redis.socketPath}`), {
      onError: (error) => errors.push(error),
    });
    await until(() => errors.length > 0);
    await expectQuickFailures(client);
    expect(errors.map(String).join()).toMatch(/WRONGPASS/);
    expect(inspect(errors, { depth: 9 })).not.toContain('wrong-one');
  });

  it('password, database → used', async () => {
    const redis = await redisServer(['--requirepass', 'hunter2']);
    const client = connect(parseStoreUrl(`unix://:hunter2@${redis.socketPath}?db=3`));
    expect(await waitUntilReady(client, 5_000)).toBe(true);
    expect(await client.client('INFO')).toContain(' db=3 ');
  });

  it.each([
    ['redis+sentinel://127.0.0.1:1/mymaster', Redis],
    ['redis+cluster://127.0.0.1:1', Cluster],
    ['rediss://127.0.0.1:1', Redis],
  ])('%s, nobody there → errors at once and closes at once', async (url, kind) => {
    const client = connect(parseStoreUrl(url));
    expect(client).toBeInstanceOf(kind);
    await expectQuickFailures(client);
    const from = performance.now();
    await closeRedis(client);
    expect(performance.now() - from).toBeLessThan(1_500);
  });
});

describe('waitUntilReady', () => {
  it('ready in time → true, also when it was ready before', async () => {
    const redis = await redisServer();
    const client = connect(parseStoreUrl(redis.url));
    expect(await waitUntilReady(client, 5_000)).toBe(true);
    expect(await waitUntilReady(client, 0)).toBe(true);
  });

  it('closed while waiting → false without waiting longer', async () => {
    const client = connect(parseStoreUrl(NOBODY));
    const ready = waitUntilReady(client, 60_000);
    await closeRedis(client);
    expect(await ready).toBe(false);
  });
});

describe('closeRedis', () => {
  it('open, closed twice → ends both times', async () => {
    const redis = await redisServer();
    const states: string[] = [];
    const client = connect(parseStoreUrl(redis.url), { onStateChange: (one) => states.push(one) });
    await waitUntilReady(client, 5_000);
    await closeRedis(client);
    await closeRedis(client);
    await until(() => states.includes('closed'));
    await expect(client.ping()).rejects.toThrow();
  });

  it('commands in flight → answered first', async () => {
    const redis = await redisServer();
    const client = connect(parseStoreUrl(redis.url));
    await waitUntilReady(client, 5_000);
    const written = client.set('last', 'words');
    await closeRedis(client);
    expect(await written).toBe('OK');
  });

  it('server frozen → ends when its last command is given up', async () => {
    const redis = await redisServer();
    const client = connect(parseStoreUrl(redis.url), { commandTimeoutMs: 100 });
    await waitUntilReady(client, 5_000);
    redis.pause();
    const from = performance.now();
    await closeRedis(client);
    expect(performance.now() - from).toBeLessThan(1_500);
  });
});
