import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import { closeRedis, connectRedis, waitUntilReady } from '../../src/redis/client.js';
import { createDurabilityCheck } from '../../src/redis/durability-check.js';
import type { Durability } from '../../src/redis/durability.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { openSaves } from '../../src/redis/saves.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { freePort } from '../support/app.js';
import { UNHURRIED } from '../support/grant-uses.js';
import { DURABLE, type TestRedis, startRedis } from '../support/redis-server.js';
import { bulk, integers, map, startFakeServer } from './fake-server.js';
import { until } from '../support/until.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function redisServer(...args: string[]): Promise<TestRedis> {
  const redis = await startRedis({ args });
  ends.push(() => redis.stop());
  return redis;
}

async function connectTo(url: string) {
  const client = connectRedis(parseStoreUrl(url));
  ends.push(() => closeRedis(client));
  expect(await waitUntilReady(client, 5_000)).toBe(true);
  return client;
}

async function learned(url: string): Promise<Durability | undefined> {
  return await createDurabilityCheck({ client: await connectTo(url) }).current();
}

const AOF = ['--appendonly', 'yes', '--appendfsync'];

/** Whether the release that is installed tells truly what is on its disk. */
async function canWaitForDisk(url: string): Promise<boolean> {
  const client = await connectTo(url);
  const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(await client.info())!;
  const release = Number(major) * 100 + Number(minor);
  return release >= 800 || release === 702;
}

/** A replica that has just been connected is busy with itself for a while. */
async function untilFollowed(url: string): Promise<void> {
  const client = (await connectTo(url)) as Redis;
  await until(async () => {
    await client.set('something', 'new');
    return (await client.wait(1, 200)) === 1;
  });
}

describe('createDurabilityCheck', () => {
  it('always → nothing to say and nothing to wait for', async () => {
    const redis = await redisServer(...AOF, 'always');
    expect(await learned(redis.url)).toEqual({ wait: undefined, mayLag: false, problems: [] });
  });

  it('everysec → the last second may be lost, or is waited for', async () => {
    const redis = await redisServer(...AOF, 'everysec');
    const told = await learned(redis.url);
    const waits = await canWaitForDisk(redis.url);
    expect(told?.mayLag).toBe(!waits);
    expect(told?.wait).toEqual(waits ? { disk: true, replica: false } : undefined);
    expect(told?.problems).toEqual([
      {
        severity: waits ? 'note' : 'warning',
        text: expect.stringContaining('appendfsync everysec'),
      },
    ]);
  });

  it('no AOF, evicts → both are said', async () => {
    const redis = await redisServer('--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru');
    const told = await learned(redis.url);
    expect(told?.problems.map((one) => one.text)).toEqual([
      expect.stringContaining('no append-only file'),
      expect.stringContaining('allkeys-lru'),
    ]);
  });

  it('login may use keys only → nothing is assumed, and it says so', async () => {
    const redis = await redisServer(...AOF, 'always');
    const admin = await connectTo(redis.url);
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '+@all', '-config');
    const told = await learned(redis.url.replace('unix://', 'unix://app:secret@'));
    const unknown = expect.stringMatching(/CONFIG GET is not allowed/);
    const waits = await canWaitForDisk(redis.url);
    expect(told?.problems).toEqual(waits ? [] : [{ severity: 'warning', text: unknown }]);
  });

  it('login may not even use INFO → nothing is assumed, and it says so', async () => {
    const server = await startFakeServer(([name]) =>
      name === 'INFO' || name === 'CONFIG' ? '-NOPERM no permissions\r\n' : '+OK\r\n',
    );
    ends.push(() => server.stop());
    // ioredis says on the console that it skips its own check.
    const said = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    ends.push(() => {
      said.mockRestore();
      return Promise.resolve();
    });
    const client = connectRedis(parseStoreUrl(server.url));
    ends.push(() => closeRedis(client));
    const check = createDurabilityCheck({ client });
    await until(() => client.status === 'ready');
    const told = await check.current();
    expect(told).toEqual({
      wait: undefined,
      mayLag: true,
      problems: [{ severity: 'warning', text: expect.stringContaining('INFO is not allowed') }],
    });
  });

  it('asked once a connection, and again after each reconnect', async () => {
    const redis = await redisServer(...AOF, 'always');
    const client = connectRedis(parseStoreUrl(redis.url));
    ends.push(() => closeRedis(client));
    const all: Durability[] = [];
    const check = createDurabilityCheck({ client, onLearned: (one) => all.push(one) });
    await until(() => all.length === 1);
    await Promise.all([check.current(), check.current()]);
    expect(all).toHaveLength(1);
    await redis.kill();
    await until(async () => (await check.current()) === undefined);
    await redis.restart();
    await until(() => all.length === 2);
  });

  it('in doubt → asks again, but not all the time', async () => {
    const redis = await redisServer();
    const client = await connectTo(redis.url);
    let now = 0;
    const all: Durability[] = [];
    const onLearned = (one: Durability) => all.push(one);
    const check = createDurabilityCheck({ client, onLearned, now: () => now });
    await check.current();
    await client.config('SET', 'appendonly', 'yes');
    check.doubt();
    check.doubt();
    await until(() => all.length === 2);
    expect(all[1]?.problems).not.toEqual(all[0]?.problems);
    now = 60_000;
    check.doubt();
    await until(() => all.length === 3);
  });
});

describe('openSaves', () => {
  async function open(url: string, limits?: typeof UNHURRIED) {
    const client = await connectTo(url);
    const reports: string[] = [];
    const address = parseStoreUrl(url);
    const saves = openSaves({ address, limits, onUnconfirmed: (one) => reports.push(one) });
    ends.push(() => closeRedis(saves.client));
    expect(await waitUntilReady(saves.client, 5_000)).toBe(true);
    return { ...saves, client, reports, records: createRedisGrantRecords(client, saves.runSave) };
  }

  it('replica follows → a save is confirmed by it; replica gone → it counts and is reported', async () => {
    const port = await freePort();
    const eager = ['--repl-diskless-sync-delay', '0'];
    const master = await redisServer('--port', `${port}`, ...eager, ...AOF, 'always');
    const replica = await redisServer('--replicaof', `127.0.0.1 ${port}`, ...AOF, 'always');
    await untilFollowed(master.url);
    const { records, reports, check } = await open(master.url, UNHURRIED);
    expect((await check.current())?.wait).toEqual({ disk: false, replica: true });
    expect(await records.compareAndSet('id', { version: 1, sealed: 's' }, 0)).toBe('confirmed');
    expect(reports).toEqual([]);
    const copy = await connectTo(replica.url);
    expect(await createRedisGrantRecords(copy).read('id')).toEqual({ version: 1, sealed: 's' });
    replica.pause();
    const usual = await open(master.url);
    const save = { version: 2, sealed: 's' };
    expect(await usual.records.compareAndSet('id', save, 1)).toBe('unconfirmed');
    await until(() => usual.reports.length > 0);
    // Which of the two it was, the server too late or the replica, is the machine's affair.
    expect(usual.reports).toHaveLength(1);
    replica.resume();
  });

  // With everysec it is there as a rule: while the disk is busy, Redis holds back even the write.
  it('always, Redis killed after a save → the grant is there', async () => {
    const redis = await redisServer(...DURABLE);
    const { records, client } = await open(redis.url);
    expect(await records.compareAndSet('id', { version: 1, sealed: 'kept' }, 0)).not.toBe(false);
    await redis.kill();
    await redis.restart();
    await until(async () => (await client.ping().catch(() => '')) === 'PONG');
    expect(client.status).toBe('ready');
    expect(await records.read('id')).toEqual({ version: 1, sealed: 'kept' });
  });

  it('no AOF, Redis killed after a save → the grant is lost, as the warning says', async () => {
    const redis = await redisServer();
    const { records, client } = await open(redis.url);
    await records.compareAndSet('id', { version: 1, sealed: 'lost' }, 0);
    await redis.kill();
    await redis.restart();
    await until(async () => (await client.ping().catch(() => '')) === 'PONG');
    expect(await records.read('id')).toBeUndefined();
  });

  it('a save that waits → reads over the other connection do not', async () => {
    const server = await startFakeServer(([name]) => {
      if (name === 'INFO') return bulk('redis_version:7.2.6\r\naof_enabled:1\r\n');
      if (name === 'CONFIG') return map('appendfsync', 'everysec');
      if (name === 'HMGET') return `*1\r\n${bulk('7')}`;
      if (name === 'EVAL') return ':1\r\n';
      return name === 'WAITAOF' ? undefined : '+OK\r\n';
    });
    ends.push(() => server.stop());
    const { records } = await open(server.url, UNHURRIED);
    const saved = records.compareAndSet('id', { version: 1, sealed: 's' }, 0);
    await until(() => server.received.some(([name]) => name === 'WAITAOF'));
    expect(await records.lastVersion('id')).toBe(7);
    server.say(integers(1, 0));
    expect(await saved).toBe('confirmed');
  });
});
