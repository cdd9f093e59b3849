import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Finding } from '../../src/doctor/finding.js';
import { examineStore } from '../../src/doctor/store.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { embeddedState } from '../../src/redis/embedded-state.js';
import { startEmbeddedRedis } from '../../src/redis/embedded-server.js';
import { type StoreInspection, inspectStore } from '../../src/redis/inspection.js';
import { storeHosts, storeLabel } from '../../src/redis/store-label.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { connectTo } from '../support/contract.js';
import { DURABLE, type TestRedis, startRedis } from '../support/redis-server.js';
import { startTcpRedis } from '../support/redis-tcp.js';

let redis: TestRedis;
let client: RedisClient;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  redis = await startRedis({ args: DURABLE });
  client = await connectTo(redis);
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
});

async function inspect(url: string, readyWaitMs = 2_000): Promise<StoreInspection> {
  return inspectStore({ address: parseStoreUrl(url), readyWaitMs });
}

const named = (inspection: StoreInspection): Record<string, Finding> =>
  Object.fromEntries(
    examineStore('redis://here', inspection).findings.map((one) => [
      one.check.replace('redis.', ''),
      one,
    ]),
  );
const nothingWrong: Extract<StoreInspection, { reached: true }> = {
  ...{ reached: true, nodes: [], cluster: undefined, refused: [], writes: [], pings: [] },
  ...{ channels: 'fc:1:signal:*', marks: undefined },
};
const look = async (url: string) => named(await inspect(url));
const statuses = (found: Record<string, Finding>) =>
  Object.fromEntries(Object.entries(found).map(([check, { status }]) => [check, status]));

describe('a Redis as it should be', () => {
  it('everything is well, the clock is told, and nothing stays behind', async () => {
    await client.flushall();
    const inspection = await inspect(redis.url);
    expect(statuses(named(inspection))).toEqual({
      ...{ connection: 'ok', version: 'ok', durability: 'ok', memory: 'ok', role: 'ok' },
      ...{ commands: 'ok', latency: expect.any(String), 'write-latency': expect.any(String) },
    });
    const [clock] = examineStore('here', inspection).clocks;
    expect(Math.abs(clock!.ours - clock!.theirs)).toBeLessThan(2_000);
    for (const key of await client.keys('*')) {
      expect(key).toMatch(/^fc:1:trial:/);
      expect(await client.pttl(key)).toBeLessThanOrEqual(1_000);
    }
  });
});

describe('whose the store is', () => {
  it.each([
    [[], ['mine'], 'ok'],
    [['older', 'mine'], ['mine', 'newer'], 'ok'],
    [['another'], ['mine'], 'problem'],
    [['another'], undefined, undefined],
    [undefined, ['mine'], undefined],
  ])('marked %j, with the keys of %j → %s', (marks, ours, status) => {
    const inspection = { ...nothingWrong, marks };
    const found = examineStore('here', inspection, ours).findings.find(
      ({ check }) => check === 'redis.installation',
    );
    expect(found?.status).toBe(status);
  });
});

describe('a Redis that is set wrong', () => {
  const started = async (...args: string[]) => {
    const wrong = await startRedis({ args });
    ends.push(wrong.stop);
    return wrong;
  };

  it('keeps nothing, evicts, and is nearly full → warnings with what to do', async () => {
    const limits = ['--maxmemory', '1100kb', '--maxmemory-policy', 'allkeys-lru'];
    const found = await look((await started(...limits)).url);
    expect(found['durability']).toMatchObject({ status: 'warning' });
    expect(found['durability']?.todo).toMatch(/append-only file.*allkeys-lru.*noeviction/);
    expect(found['memory']?.status).toMatch(/warning|problem/);
    expect(found['memory']?.todo).toContain('maxmemory');
  });

  it('full, with noeviction → the commands that are refused', async () => {
    const found = await look((await started('--maxmemory', '1kb')).url);
    expect(found).toMatchObject({ commands: { status: 'problem' }, memory: { status: 'problem' } });
    expect(found['commands']?.found).toContain('SET (OOM)');
  });

  it('a replica → a problem', async () => {
    const [master, replica] = [await startTcpRedis(), await startTcpRedis()];
    ends.push(master.stop, replica.stop);
    const admin = await connectTo(replica);
    await (admin as unknown as { replicaof: (h: string, p: number) => Promise<unknown> }).replicaof(
      '127.0.0.1',
      master.port,
    );
    await closeRedis(admin);
    const found = await look(replica.url);
    expect(found).toMatchObject({ role: { status: 'problem' }, commands: { status: 'problem' } });
  });

  it('nobody there, or the wrong password → a problem without the password', async () => {
    const away = await inspect('unix:///nowhere/redis.sock', 50);
    expect(named(away)).toMatchObject({ connection: { status: 'problem' } });
    const locked = await started('--requirepass', 'the-right-one');
    const url = locked.url.replace('unix://', 'unix://:the-wrong-one@');
    const found = await look(url);
    expect(found['connection']?.found).toMatch(/WRONGPASS|NOAUTH|invalid/);
    expect(JSON.stringify(found)).not.toMatch(/the-(right|wrong)-one/);
  });
});

describe('a login of its own', () => {
  const user = async (...rules: string[]) => {
    await client.call('ACL', 'SETUSER', 'limited', 'reset', 'on', '>pass-of-limited', ...rules);
    return redis.url.replace('unix://', 'unix://limited:pass-of-limited@');
  };

  it('with what the document lists → nothing is refused', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/redis.md'), 'utf8');
    const [, rules = ''] = /ACL SETUSER fullscript reset on >\S+ ((?:.*\\\n)*.*)/.exec(text) ?? [];
    const url = await user(...rules.replaceAll('\\\n', ' ').trim().split(/\s+/));
    expect((await look(url))['commands']).toMatchObject({ status: 'ok' });
  });

  it('without scripts and streams → a problem that names the commands', async () => {
    const url = await user('~fc:1:*', '&*', '+@all', '-eval', '-xadd');
    expect((await look(url))['commands']).toMatchObject({
      ...{ status: 'problem', found: 'refused: EVAL (NOPERM), XADD (NOPERM)' },
      todo: expect.stringContaining('A user of its own'),
    });
  });

  it('without SET, so that /readyz is red with store_read_only → a problem that names it', async () => {
    const url = await user('~fc:1:*', '&*', '+@all', '-set');
    const { commands } = await look(url);
    expect(commands?.status).toBe('problem');
    expect(commands?.found).toContain('SET (NOPERM)');
  });

  it('without the channel → a warning', async () => {
    const url = await user('~fc:1:*', 'resetchannels', '+@all');
    expect((await look(url))['commands']).toMatchObject({ status: 'warning' });
  });

  it('without our keys → refused', async () => {
    const url = await user('~other:*', '&*', '+@all');
    expect((await look(url))['commands']?.found).toContain('SET (NOPERM)');
  });

  it('without INFO and CONFIG → said, and nothing is assumed', async () => {
    const url = await user('~fc:1:*', '&*', '+@all', '-info', '-config');
    expect(statuses(await look(url))).toMatchObject({ version: 'warning', durability: 'warning' });
  });
});

describe('latency', () => {
  it.each([
    [[1, 1, 1], 'ok'],
    [[1, 1, 250], 'warning'],
    [[30, 30, 30], 'warning'],
    [[300, 300, 300], 'problem'],
  ])('%j ms → %s', (pings, status) => {
    expect(named({ ...nothingWrong, pings })['latency']).toMatchObject({ status });
  });

  it('a cluster without all its slots → a problem', () => {
    const fields = new Map([
      ['cluster_state', 'fail'],
      ['cluster_slots_ok', '16000'],
    ]);
    expect(named({ ...nothingWrong, cluster: fields })['cluster']).toMatchObject({
      status: 'problem',
    });
  });
});

describe('embeddedState', () => {
  it('no folder → not running, and none is made; a server → where it listens', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'fc-embedded-'));
    ends.push(() => rm(dataDir, { recursive: true, force: true }));
    const missing = join(dataDir, 'none');
    expect(await embeddedState(missing)).toMatchObject({ kind: 'not running' });
    expect(await embeddedState(dataDir)).toMatchObject({ kind: 'not running' });
    const embedded = await startEmbeddedRedis({ dataDir });
    ends.push(() => embedded!.close());
    const state = await embeddedState(dataDir);
    expect(state).toMatchObject({ kind: 'running', address: embedded!.address });
  });
});

describe('storeLabel', () => {
  it.each([
    ['redis://me:secret@h:1/2', 'redis://h:1/2', ['h']],
    ['rediss://me:secret@[::1]:1', 'rediss://[::1]:1/0', ['::1']],
    ['unix://me:secret@/a/b?db=3', 'unix:///a/b?db=3', []],
    [
      'redis+sentinel://me:secret@h1,h2:3/name?sentinelPassword=secret',
      'redis+sentinel://h1:26379,h2:3/name/0',
      ['h1', 'h2'],
    ],
    ['rediss+cluster://me:secret@h1,h2', 'rediss+cluster://h1:6379,h2:6379', ['h1', 'h2']],
  ])('%s → %s', (url, label, hosts) => {
    expect(storeLabel(parseStoreUrl(url))).toBe(label);
    expect(storeHosts(parseStoreUrl(url))).toEqual(hosts);
  });
});
