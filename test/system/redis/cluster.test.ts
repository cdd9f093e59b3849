import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster } from 'ioredis';
import { StoreUnavailableError } from '../../../src/grants/errors.js';
import { closeRedis, ping } from '../../../src/redis/client.js';
import { grantKey } from '../../../src/redis/keys.js';
import { until } from '../../support/contract.js';
import { type Grants, openGrants, useGrants } from '../../support/grant-uses.js';
import { startCluster } from '../../support/redis-cluster.js';
import type { GroupMember, RedisGroup } from '../../support/redis-group.js';

const ANSWER_LIMIT_MS = 1_000;
const FAILOVER_LIMIT_MS = 15_000;

let group: RedisGroup;
let grants: Grants;

beforeEach(async () => {
  group = await startCluster();
  grants = await openGrants(group.url);
});

afterEach(async () => {
  await Promise.all(grants.clients.map(closeRedis));
  await group.stop();
});

/** An id whose grant is kept by another master than that of `id`. */
async function elsewhere(id: string): Promise<string> {
  const { port } = await group.masterOf(grantKey(id));
  for (let n = 0; ; n += 1) {
    const other = `other-${n}`;
    if ((await group.masterOf(grantKey(other))).port !== port) return other;
  }
}

async function overMasterLoss(take: (master: GroupMember) => unknown) {
  const master = await group.masterOf(grantKey('id'));
  const use = useGrants(grants, ['id']);
  const others = useGrants(grants, [await elsewhere('id')]);
  await until(async () => ((await grants.records.read('id'))?.version ?? 0) > 5);
  await take(master);
  await until(async () => {
    const now = await group.masterOf(grantKey('id'));
    const well = performance.now() - use.seen.wellSince > 500;
    return now.port !== master.port && use.seen.refused > 0 && well;
  }, FAILOVER_LIMIT_MS);
  return { seen: await use.stop(), others: await others.stop() };
}

describe('connectCluster', () => {
  it.each<[string, (master: GroupMember) => unknown]>([
    ['killed', (master) => master.kill()],
    [
      'frozen',
      (master) => {
        master.pause();
      },
    ],
  ])(
    'master %s → refused in time, then its replica; other keys are served; nothing saved is lost',
    async (_how, take) => {
      const { seen, others } = await overMasterLoss(take);
      expect(seen.slowest).toBeLessThan(ANSWER_LIMIT_MS);
      expect(others.slowest).toBeLessThan(ANSWER_LIMIT_MS);
      expect(others.refused).toBe(0);
    },
    30_000,
  );

  it('most masters gone (CLUSTERDOWN) → refused in time; back → works without a new client', async () => {
    const id = 'id';
    const kept = await group.masterOf(grantKey(id));
    const gone = group.members.slice(0, 3).filter((master) => master !== kept);
    await Promise.all(gone.map((master) => master.kill()));
    await until(async () => {
      const error = await grants.client.get(grantKey(id)).catch((reason: unknown) => reason);
      return String(error).includes('CLUSTERDOWN');
    }, FAILOVER_LIMIT_MS);
    const from = performance.now();
    const refused = await Promise.allSettled([
      grants.records.read(id),
      grants.records.compareAndSet(id, { version: 1, sealed: 's' }, 0),
      ping(grants.client),
    ]);
    expect(performance.now() - from).toBeLessThan(ANSWER_LIMIT_MS);
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await Promise.all(gone.map((master) => master.restart()));
    await until(
      () =>
        grants.records.compareAndSet(id, { version: 1, sealed: 's' }, 0).then(Boolean, () => false),
      FAILOVER_LIMIT_MS,
    );
    await ping(grants.client);
  }, 30_000);

  it('everybody gone → refused at once; back → works without a new client', async () => {
    await Promise.all(group.members.map((one) => one.kill()));
    const refused = () => grants.records.read('id').catch((error: unknown) => error);
    const from = performance.now();
    expect(await refused()).toBeInstanceOf(StoreUnavailableError);
    expect(await refused()).toBeInstanceOf(StoreUnavailableError);
    expect(performance.now() - from).toBeLessThan(ANSWER_LIMIT_MS);
    await Promise.all(group.members.map((one) => one.restart()));
    await until(
      () =>
        grants.records
          .compareAndSet('id', { version: 1, sealed: 's' }, 0)
          .then(Boolean, () => false),
      FAILOVER_LIMIT_MS,
    );
  }, 30_000);

  it('one master gone → ping says that the store works', async () => {
    await group.members[0]!.kill();
    await ping(grants.client);
    expect(grants.client).toBeInstanceOf(Cluster);
  });
});
