import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../../src/grants/errors.js';
import { grantId } from '../../../src/grants/grant.js';
import { closeRedis, ping } from '../../../src/redis/client.js';
import { createWriteTrial } from '../../../src/redis/write-trial.js';
import { grantKey } from '../../support/keys.js';
import { documentedUser, useEverything } from '../../support/every-use.js';
import { type Grants, openGrants, useGrants } from '../../support/grant-uses.js';
import { startCluster } from '../../support/redis-cluster.js';
import { type GroupMember, type RedisGroup, askOne } from '../../support/redis-group.js';
import { startSentinels } from '../../support/redis-sentinels.js';
import { type Answer, tookMs } from '../../../torture/call.js';
import { type Member, openFleetOn } from '../../../torture/fleet.js';
import { sessionOf, settle } from '../../../torture/visitor.js';
import { until } from '../../support/until.js';

/** Everything that loses a master: of a cluster that is whole again after each test, or of a set of sentinels for one test. */

const ANSWER_LIMIT_MS = 1_000;
const FAILOVER_LIMIT_MS = 15_000;

let sentinels: RedisGroup;
let cluster: RedisGroup;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

afterAll(() => cluster.stop());

/** Ways to take a server away, until the end of the test. */
const LOSSES: [string, (member: GroupMember) => Promise<void>][] = [
  [
    'killed',
    async (member) => {
      await member.kill();
      ends.push(() => member.restart());
    },
  ],
  [
    'frozen',
    (member) => {
      member.pause();
      ends.push(() => {
        member.resume();
      });
      return Promise.resolve();
    },
  ],
];
const kill = LOSSES[0]![1];

/** Kills servers. They come back when the test asks for it, or else at its end. */
async function killUntilAsked(members: readonly GroupMember[]): Promise<() => Promise<unknown>> {
  let back: Promise<unknown> | undefined;
  const bringBack = () => (back ??= Promise.all(members.map((member) => member.restart())));
  ends.push(bringBack);
  await Promise.all(members.map((member) => member.kill()));
  return bringBack;
}

async function connected(url: string): Promise<Grants> {
  const grants = await openGrants(url);
  ends.push(() => Promise.all(grants.clients.map(closeRedis)));
  return grants;
}

const saved = (records: Grants['records'], id: string) =>
  records.compareAndSet(id, { version: 1, sealed: 's' }, 0).then(Boolean, () => false);

async function expectServedAfterFailover(group: RedisGroup): Promise<void> {
  const fleet = await openFleetOn(
    { url: group.url, stop: () => Promise.resolve() },
    { processes: 1 },
  );
  ends.push(() => fleet.close());
  const [member] = fleet.members as [Member];
  const visitor = await fleet.signIn(0);
  await group.followed();
  await kill(await group.masterOf(grantKey(grantId(visitor.key))));
  const answers: Answer[] = [];
  await until(async () => {
    answers.push(await member.ask(visitor));
    return answers.at(-1)!.status === 200;
  }, 20_000);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503, 200]));
  expect(Math.max(...answers.map(tookMs))).toBeLessThan(1_000);
  expect(answers.filter(({ setsCookie }) => setsCookie)).toEqual([]);
  // Its key may be another master's, and the first look at the new order of things may fail as well.
  let session: Awaited<ReturnType<typeof sessionOf>>;
  await until(async () => (session = await sessionOf(visitor, member)) !== undefined, 20_000);
  expect(session).toMatchObject({ signedIn: true, status: 'active' });
  fleet.simulator.expireAccessTokens();
  expect((await settle(visitor, member)).status).toBe(200);
}

describe('connectRedis behind Sentinel', () => {
  let grants: Grants;
  let id: string;

  beforeEach(async () => {
    id = randomUUID();
    // A set that has lost a master takes sentinels half a minute to make whole, and a new one a second.
    sentinels = await startSentinels();
    ends.push(() => sentinels.stop());
    await sentinels.healthy();
    grants = await connected(sentinels.url);
  });

  /** Takes the master away while a grant is read and saved, and waits until that works again. */
  async function overFailover(take: (master: GroupMember) => Promise<void>) {
    const master = await sentinels.masterOf('');
    const use = useGrants(grants, [id]);
    await until(async () => ((await grants.records.read(id))?.version ?? 0) > 5);
    await take(master);
    await until(async () => {
      const now = await sentinels.masterOf('');
      const well = performance.now() - use.seen.wellSince > 500;
      return now.port !== master.port && use.seen.refused > 0 && well;
    }, FAILOVER_LIMIT_MS);
    return await use.stop();
  }

  it.each(LOSSES)(
    'master %s → refused in time, then the new master by itself; nothing saved is lost',
    async (_how, take) => {
      const seen = await overFailover(take);
      expect(seen.slowest).toBeLessThan(ANSWER_LIMIT_MS);
    },
  );

  it('handed over with its writes paused → refused in time; nothing saved is lost', async () => {
    const sentinel = Number(/:(\d+)/.exec(sentinels.url)?.[1]);
    const seen = await overFailover(async ({ port }) => {
      // Else it takes writes, and the other replica confirms them, until it learns of its successor.
      await askOne(port, 'CLIENT', 'PAUSE', '10000', 'WRITE');
      ends.push(() => askOne(port, 'CLIENT', 'UNPAUSE'));
      await askOne(sentinel, 'SENTINEL', 'FAILOVER', 'main');
    });
    expect(seen.slowest).toBeLessThan(ANSWER_LIMIT_MS);
  });

  /** What ioredis keeps to itself: who listens to the sentinels. */
  interface WithDetector {
    readonly failoverDetector: { readonly sentinels: readonly { client: EventEmitter }[] } | null;
  }

  it('told of a fail-over while the sentinels are asked → goes on until it is connected', async () => {
    const { client } = grants;
    const connector = (client as unknown as { connector: WithDetector }).connector;
    let told = 0;
    const ended: string[] = [];
    for (const one of grants.clients) one.on('end', () => ended.push('end'));
    await until(() => connector.failoverDetector !== null);
    client.on('connecting', () => {
      told += 1;
      for (const sentinel of connector.failoverDetector?.sentinels ?? []) {
        sentinel.client.emit('message', '+switch-master');
      }
    });
    await kill(await sentinels.masterOf(''));
    await until(() => told > 0);
    await until(() => client.ping().then(Boolean, () => false), FAILOVER_LIMIT_MS);
    expect(ended).toEqual([]);
  });

  it('one sentinel is gone → told which, and the others are asked', async () => {
    const { errors } = await connected(sentinels.url.replace('://', '://127.0.0.1:1,'));
    const messages = errors.map(({ message }) => message);
    expect(messages).toContainEqual(expect.stringContaining('sentinel 127.0.0.1:1 '));
  });

  it('sentinels with the documented user of their own → the master is found, and nothing is refused', async () => {
    const ports = [...sentinels.url.matchAll(/:(\d+)/g)].map(([, port]) => Number(port));
    for (const port of ports) await askOne(port, ...documentedUser('watcher'));
    const login = '?sentinelUsername=watcher&sentinelPassword=another-long-password';
    const watching = await connected(`${sentinels.url}${login}`);
    await useEverything(watching.client);
    const listening = async (port: number) =>
      String(await askOne(port, 'CLIENT', 'LIST')).match(/ sub=1 .* user=watcher/g)?.length;
    for (const port of ports) await until(async () => (await listening(port)) === 2);
    expect(watching.errors).toEqual([]);
  });

  it('SR-54 Redis Sentinel fails over → 503 within a second, cookie untouched, signed in afterwards without a restart', async () => {
    await expectServedAfterFailover(sentinels);
  });
});

describe('connectCluster', () => {
  let grants: Grants;
  let id: string;

  beforeEach(async () => {
    id = randomUUID();
    ends.push(() => cluster.healthy());
    grants = await connected(cluster.url);
  });

  async function masters(): Promise<GroupMember[]> {
    const roles = await Promise.all(cluster.members.map(({ port }) => askOne(port, 'ROLE')));
    return cluster.members.filter((_one, at) => (roles[at] as string[])[0] === 'master');
  }

  /** An id whose grant is kept by another master. */
  async function elsewhere(): Promise<string> {
    const { port } = await cluster.masterOf(grantKey(id));
    for (;;) {
      const other = randomUUID();
      if ((await cluster.masterOf(grantKey(other))).port !== port) return other;
    }
  }

  async function overMasterLoss(take: (master: GroupMember) => Promise<void>) {
    const master = await cluster.masterOf(grantKey(id));
    const use = useGrants(grants, [id]);
    const others = useGrants(grants, [await elsewhere()]);
    await until(async () => ((await grants.records.read(id))?.version ?? 0) > 5);
    await take(master);
    await until(async () => {
      const now = await cluster.masterOf(grantKey(id));
      const well = performance.now() - use.seen.wellSince > 500;
      return now.port !== master.port && use.seen.refused > 0 && well;
    }, FAILOVER_LIMIT_MS);
    return { seen: await use.stop(), others: await others.stop() };
  }

  it.each(LOSSES)(
    'master %s → refused in time, then its replica; other keys are served; nothing saved is lost',
    async (_how, take) => {
      const { seen, others } = await overMasterLoss(take);
      expect(seen.slowest).toBeLessThan(ANSWER_LIMIT_MS);
      expect(others.slowest).toBeLessThan(ANSWER_LIMIT_MS);
      expect(others.refused).toBe(0);
    },
  );

  it('most masters gone (CLUSTERDOWN) → refused in time; back → works without a new client', async () => {
    const kept = await cluster.masterOf(grantKey(id));
    const gone = (await masters()).filter((master) => master !== kept);
    const bringBack = await killUntilAsked(gone);
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
    await bringBack();
    await until(() => saved(grants.records, id), FAILOVER_LIMIT_MS);
    await ping(grants.client);
  });

  it('every server gone → refused at once; back → works without a new client', async () => {
    const bringBack = await killUntilAsked(cluster.members);
    const refused = () => grants.records.read(id).catch((error: unknown) => error);
    const from = performance.now();
    expect(await refused()).toBeInstanceOf(StoreUnavailableError);
    expect(await refused()).toBeInstanceOf(StoreUnavailableError);
    expect(performance.now() - from).toBeLessThan(ANSWER_LIMIT_MS);
    await bringBack();
    await until(() => saved(grants.records, id), FAILOVER_LIMIT_MS);
  });

  it('one master gone → ping says that the store works, and so does the trial of a write', async () => {
    await kill((await masters())[0]!);
    await ping(grants.client);
    expect(await createWriteTrial({ client: grants.client })()).toBe('taken');
  });

  it('SR-54 Redis Cluster fails over → 503 within a second, cookie untouched, signed in afterwards without a restart', async () => {
    await expectServedAfterFailover(cluster);
  });
});
