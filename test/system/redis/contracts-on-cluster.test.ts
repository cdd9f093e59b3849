import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Cluster } from 'ioredis';
import { examineStore } from '../../../src/doctor/store.js';
import { closeRedis, connectRedis, waitUntilReady } from '../../../src/redis/client.js';
import { createClusterSaves } from '../../../src/redis/cluster-saves.js';
import { createRedisGrantRecords } from '../../../src/redis/grant-records.js';
import { inspectStore } from '../../../src/redis/inspection.js';
import { grantKey } from '../../support/keys.js';
import { openSaves } from '../../../src/redis/saves.js';
import { parseStoreUrl } from '../../../src/redis/store-url.js';
import { allContracts } from '../../contract/all.js';
import { grantRecordsContract } from '../../contract/grant-records.js';
import { openRedisStage, openSafeStage } from '../../support/contract.js';
import { LOGIN, documentedUser, useEverything } from '../../support/every-use.js';
import { UNHURRIED, openGrants } from '../../support/grant-uses.js';
import { startCluster } from '../../support/redis-cluster.js';
import { type RedisGroup, askOne } from '../../support/redis-group.js';
import { until } from '../../support/until.js';

/** Everything that uses a Redis Cluster and leaves it whole. */

let group: RedisGroup;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  group = await startCluster();
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

afterAll(() => group.stop());

describe('on a Redis Cluster', () => {
  allContracts(() => openRedisStage(group));
});

describe('on a Redis Cluster, with saves that a replica confirms', () => {
  grantRecordsContract(() => openSafeStage(group));
});

describe('a Redis Cluster', () => {
  it('ids of grants → those of every master; while it is not connected → fails', async () => {
    const client = connectRedis(parseStoreUrl(group.url));
    ends.push(() => closeRedis(client));
    const records = createRedisGrantRecords(client);
    const list = async () => {
      const listed: string[] = [];
      for await (const page of records.ids()) listed.push(...page);
      return listed;
    };
    await expect(list()).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await waitUntilReady(client, 10_000)).toBe(true);
    const ids = Array.from({ length: 200 }, (_, at) => `us-sandbox:Clinic:${at}`);
    for (const id of ids) await records.compareAndSet(id, record(1), 0);
    const some = ids.slice(0, 20).map((id) => group.masterOf(grantKey(id)));
    const masters = await Promise.all(some);
    expect(new Set(masters.map(({ port }) => port)).size).toBe(3);
    expect((await list()).filter((id) => ids.includes(id)).sort()).toEqual(ids.sort());
  });

  it('looked at by doctor → its masters and slots', async () => {
    const inspection = await inspectStore({
      address: parseStoreUrl(group.url),
      readyWaitMs: 2_000,
    });
    const { findings } = examineStore('here', inspection);
    const of = (check: string) => findings.find((one) => one.check === `redis.${check}`);
    const found = '3 masters, state ok, 16384 of 16384 slots';
    expect(of('cluster')).toMatchObject({ status: 'ok', found });
    expect(of('commands')).toMatchObject({ status: 'ok' });
    expect(of('role')).toMatchObject({ status: 'ok' });
  });

  it('no append-only file → each master is asked, and equal problems are said once', async () => {
    const append = async (value: 'yes' | 'no') => {
      for (const { port } of group.members)
        await askOne(port, 'CONFIG', 'SET', 'appendonly', value);
    };
    ends.push(() => append('yes'));
    await append('no');
    const saves = openSaves({ address: parseStoreUrl(group.url) });
    ends.push(() => closeRedis(saves.client));
    expect(await waitUntilReady(saves.client, 5_000)).toBe(true);
    const told = await saves.check.current();
    expect(told?.problems).toEqual([
      { severity: 'warning', text: expect.stringContaining('no append-only file') },
    ]);
  });

  it('the ACL user of docs/redis.md → may do all that is needed, WAIT too', async () => {
    for (const { port } of group.members) {
      await askOne(port, ...documentedUser());
      // Of what the contracts have left, as far as it is a master.
      await askOne(port, 'FLUSHALL').catch(() => undefined);
    }
    const grants = await openGrants(group.url.replace('://', `://${LOGIN}`), UNHURRIED);
    ends.push(...grants.clients.map((one) => () => closeRedis(one)));
    await useEverything(grants.client);
    expect(await grants.records.compareAndSet('x', { version: 1, sealed: 's' }, 0)).toBe(
      'confirmed',
    );
    expect(grants.errors).toEqual([]);
  });
});

async function openSaving(limits?: typeof UNHURRIED) {
  const cluster = connectRedis(parseStoreUrl(group.url), limits) as Cluster;
  ends.push(() => closeRedis(cluster));
  const reports: string[] = [];
  const runSave = createClusterSaves({
    ...{ cluster, ...limits, onUnconfirmed: (one) => reports.push(one) },
  });
  expect(await waitUntilReady(cluster, 5_000)).toBe(true);
  return { cluster, reports, records: createRedisGrantRecords(cluster, runSave) };
}

/** How often the servers were asked to WAIT, all together. */
async function waits(): Promise<number> {
  const counts = await Promise.all(
    group.members.map(async ({ port }) => {
      const stats = String(await askOne(port, 'INFO', 'commandstats'));
      return Number(/^cmdstat_wait:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
    }),
  );
  return counts.reduce((sum, one) => sum + one, 0);
}

const record = (version: number) => ({ version, sealed: `sealed-${version}` });

describe('createClusterSaves', () => {
  it('keys of every master → each save is confirmed by a replica of its own master', async () => {
    const { records, reports } = await openSaving(UNHURRIED);
    const before = await waits();
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) {
      expect(await records.compareAndSet(id, record(1), 0)).toBe('confirmed');
      expect(await records.compareAndSet(id, record(2), 1)).toBe('confirmed');
      expect(await records.compareAndSet(id, record(2), 1)).toBe(false);
      expect(await records.read(id)).toEqual(record(2));
    }
    expect((await waits()) - before).toBe(18);
    expect(reports).toEqual([]);
  });

  it('replica frozen → the save counts and is reported', async () => {
    const { records, reports } = await openSaving();
    const master = await group.masterOf(grantKey('g'));
    const replica = group.members[group.members.indexOf(master) + 3]!;
    replica.pause();
    expect(await records.compareAndSet('g', record(1), 0)).toBe('unconfirmed');
    replica.resume();
    await until(() => reports.length > 0);
    expect(reports).toHaveLength(1);
    await group.healthy();
  });

  it('slot moved to another master since → fails, and works when the map of slots has come', async () => {
    const { cluster, records } = await openSaving();
    const owner = cluster.slots[await cluster.cluster('KEYSLOT', grantKey('h'))]!;
    const right = owner[0]!;
    owner[0] = group.members.map(({ port }) => `127.0.0.1:${port}`).find((one) => one !== right)!;
    await expect(records.compareAndSet('h', record(1), 0)).rejects.toThrow();
    await until(() => records.compareAndSet('h', record(1), 0).then(Boolean, () => false));
    expect(await records.read('h')).toEqual(record(1));
  });
});
