import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import {
  type RedisClient,
  closeRedis,
  connectRedis,
  ping,
  waitUntilReady,
} from '../../src/redis/client.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { inspectStore } from '../../src/redis/inspection.js';
import { createRedisRevocationQueue } from '../../src/redis/revocation-queue.js';
import { openSaves } from '../../src/redis/saves.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { createSubscriber } from '../../src/redis/subscriber.js';
import { startSentinelOf } from '../support/redis-sentinels.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { startTcpRedis } from '../support/redis-tcp.js';
import { until } from '../support/until.js';

const NO_DATABASE = /Database 16 of Redis cannot be selected .*out of range.*REDIS_URL/;

let redis: TestRedis;
let admin: RedisClient;
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  redis = await startRedis({ args: ['--databases', '16'] });
  ends.push(() => redis.stop());
  admin = connectRedis(parseStoreUrl(redis.url));
  await waitUntilReady(admin, 5_000);
  ends.push(() => closeRedis(admin));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function connect(url: string) {
  const told: string[] = [];
  const client = connectRedis(parseStoreUrl(url), { onError: ({ message }) => told.push(message) });
  ends.push(() => closeRedis(client));
  return { client, told };
}

const entry = () => ({ id: randomUUID(), addedAt: Date.now(), sealed: 'k1.x' });
const record = { version: 1, sealed: 's' };

describe('a database that cannot be selected', () => {
  it('there is none of this number → never ready, nothing is written, and says what to do', async () => {
    const { client, told } = connect(`${redis.url}?db=16`);
    // Every connection tries again and again.
    await until(() => told.length > 6);
    expect(client.status).not.toBe('ready');
    await expect(ping(client)).rejects.toThrow();
    await expect(createRedisGrantRecords(client).compareAndSet('id', record, 0)).rejects.toThrow();
    expect(new Set(told)).toEqual(new Set([expect.stringMatching(NO_DATABASE)]));
    expect(await admin.dbsize()).toBe(0);
  });

  it('the login may not use SELECT → the same, and names the permission', async () => {
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-select');
    const { client, told } = connect(`${redis.url.replace('unix://', 'unix://app:secret@')}?db=3`);
    await until(() => told.length > 6);
    expect(client.status).not.toBe('ready');
    expect(told.at(-1)).toMatch(/Database 3 .*NOPERM.*\+select/);
    expect(await admin.dbsize()).toBe(0);
  });

  it('saves → fail', async () => {
    const told: string[] = [];
    const { client, runSave } = openSaves({
      address: parseStoreUrl(`${redis.url}?db=16`),
      onError: ({ message }) => told.push(message),
    });
    ends.push(() => closeRedis(client));
    await until(() => told.length > 6);
    const records = createRedisGrantRecords(client, runSave);
    await expect(records.compareAndSet('id', record, 0)).rejects.toThrow();
    expect(await admin.dbsize()).toBe(0);
  });

  it('queue of revocations and its worker, both connections of it → nothing is written', async () => {
    const { client } = connect(`${redis.url}?db=16`);
    const told: string[] = [];
    const queue = createRedisRevocationQueue({
      ...{ client, onError: ({ message }: Error) => told.push(message) },
    });
    ends.push(() => queue.close());
    queue.deliver(() => Promise.resolve(undefined));
    await expect(queue.add(entry(), 0)).rejects.toThrow();
    await until(() => told.length > 6);
    expect(told.join()).toMatch(NO_DATABASE);
    expect(await admin.dbsize()).toBe(0);
  });

  it('subscriber → does not listen', async () => {
    const { client } = connect(`${redis.url}?db=16`);
    const told: string[] = [];
    const subscriber = createSubscriber({
      ...{ client, channels: () => ['a-channel'], onMessage: () => undefined },
      onError: ({ message }) => told.push(message),
    });
    ends.push(() => subscriber.close());
    await until(() => told.length > 6);
    expect(told.at(-1)).toMatch(NO_DATABASE);
    expect(await (admin as Redis).pubsub('CHANNELS')).toEqual([]);
  });

  it('behind sentinels → never ready, nothing is written', async () => {
    const master = await startTcpRedis();
    const sentinel = await startSentinelOf(master.port);
    ends.push(master.stop, sentinel.stop);
    const { client, told } = connect(`${sentinel.url}/77`);
    await until(() => told.filter((one) => one.includes('Database 77')).length > 3);
    expect(client.status).not.toBe('ready');
    const there = connect(master.url).client;
    await waitUntilReady(there, 5_000);
    expect(await there.dbsize()).toBe(0);
  });

  it('Redis comes back with fewer databases → not ready; with enough → ready, in the right one', async () => {
    const many = await startTcpRedis();
    ends.push(many.stop);
    const { client, told } = connect(`${many.url}/9`);
    expect(await waitUntilReady(client, 5_000)).toBe(true);
    await many.kill();
    const listening = ['--port', String(many.port), '--bind', '127.0.0.1'];
    const few = await startRedis({ args: [...listening, '--databases', '2'] });
    ends.push(few.stop);
    await until(() => told.some((one) => one.includes('Database 9')));
    await expect(client.set('key', 'value')).rejects.toThrow();
    await few.stop();
    await many.restart();
    await until(() => client.status === 'ready');
    expect(await client.client('INFO')).toContain(' db=9 ');
  });

  it('doctor → says so at once, and what to do', async () => {
    const address = parseStoreUrl(`${redis.url}?db=16`);
    const inspection = await inspectStore({ address, readyWaitMs: 60_000 });
    expect(inspection).toEqual({
      reached: false,
      reason: 'Database 16 of Redis cannot be selected (ERR DB index is out of range)',
      todo: expect.stringContaining('REDIS_URL'),
    });
  });
});
