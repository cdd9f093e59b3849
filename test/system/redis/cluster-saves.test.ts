import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Cluster } from 'ioredis';
import { closeRedis, connectRedis, waitUntilReady } from '../../../src/redis/client.js';
import { createClusterSaves } from '../../../src/redis/cluster-saves.js';
import { createRedisGrantRecords } from '../../../src/redis/grant-records.js';
import { grantKey } from '../../../src/redis/keys.js';
import { parseStoreUrl } from '../../../src/redis/store-url.js';
import { until } from '../../support/contract.js';
import { startCluster } from '../../support/redis-cluster.js';
import { type RedisGroup, askOne } from '../../support/redis-group.js';

let group: RedisGroup;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  group = await startCluster();
});

afterAll(async () => {
  for (const end of ends) await end();
  await group.stop();
});

async function open() {
  const cluster = connectRedis(parseStoreUrl(group.url)) as Cluster;
  ends.push(() => closeRedis(cluster));
  const reports: string[] = [];
  const runSave = createClusterSaves({ cluster, onUnconfirmed: (one) => reports.push(one) });
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
    const { records, reports } = await open();
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
    const { records, reports } = await open();
    const master = await group.masterOf(grantKey('g'));
    const replica = group.members[group.members.indexOf(master) + 3]!;
    replica.pause();
    expect(await records.compareAndSet('g', record(1), 0)).toBe('unconfirmed');
    replica.resume();
    await until(() => reports.length > 0);
    expect(reports).toEqual(['not at a replica in time']);
    await group.healthy();
  });

  it('slot moved to another master since → fails, and works when the map of slots has come', async () => {
    const { cluster, records } = await open();
    const owner = cluster.slots[await cluster.cluster('KEYSLOT', grantKey('h'))]!;
    const right = owner[0]!;
    owner[0] = group.members.map(({ port }) => `127.0.0.1:${port}`).find((one) => one !== right)!;
    await expect(records.compareAndSet('h', record(1), 0)).rejects.toThrow();
    await until(() => records.compareAndSet('h', record(1), 0).then(Boolean, () => false));
    expect(await records.read('h')).toEqual(record(1));
  });
});
