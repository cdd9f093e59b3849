import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { grantId } from '../../../src/grants/grant.js';
import { closeRedis } from '../../../src/redis/client.js';
import { lockKey } from '../../support/keys.js';
import { connectTo } from '../../support/contract.js';
import { until } from '../../support/until.js';
import { type Fleet, type FleetOptions, type Member, openFleet } from '../../../torture/fleet.js';
import { holdRefresh } from '../../../torture/held-refresh.js';
import { rollingRestart } from '../../../torture/ordeals/rolling-restart.js';
import { createRandom } from '../../../torture/random.js';
import {
  type Visitor,
  expireStored,
  grantAtRest,
  sessionOf,
  settle,
  storedGrants,
} from '../../../torture/visitor.js';
import { DURABLE } from '../../support/redis-server.js';

/** The statements about grants that take the death, or the sleep, of a process. */

const LEASE_MS = 6_000;

let fleet: Fleet;
let one: Member;
let two: Member;
let redis: Redis;

beforeAll(async () => {
  fleet = await openFleet({ processes: 2, redisArgs: DURABLE });
  [one, two] = fleet.members as [Member, Member];
  redis = (await connectTo(fleet.redis)) as Redis;
});

afterEach(() => {
  const { simulator } = fleet;
  simulator.faults.reset();
  simulator.settings.rotation = 'on_use';
  for (const { id } of simulator.people) simulator.revokeAuthorization(id);
});

afterAll(async () => {
  await closeRedis(redis);
  await fleet.close();
});

const refreshes = () => fleet.simulator.stats.refreshes;

async function stored(visitor: Visitor) {
  const [grant] = await storedGrants(fleet.redis, [visitor]);
  return grant;
}

const lockLeft = (visitor: Visitor) => redis.pttl(lockKey(grantId(visitor.key)));

/** Nothing renews a lease any more: it ends by itself, and here sooner than after its seconds. */
async function endLease(visitor: Visitor): Promise<void> {
  const left = await lockLeft(visitor);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(LEASE_MS);
  await redis.pexpire(lockKey(grantId(visitor.key)), 100);
}

describe('SR-43', () => {
  it('SR-43 100 parallel requests at expiry in two processes → one refresh, all answered with the new token', async () => {
    const visitor = await fleet.signIn(0, two);
    await expireStored(fleet.redis, visitor);
    const before = refreshes();
    const calls = fleet.simulator.requests.length;
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => [one, two][i % 2]!.ask(visitor)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    expect(refreshes() - before).toBe(1);
    const { tokens } = (await stored(visitor))!;
    const bearers = fleet.simulator.requests
      .slice(calls)
      .filter(({ path }) => path.endsWith('/clinic'))
      .map(({ headers }) => headers.authorization);
    expect(bearers).toHaveLength(100);
    expect(new Set(bearers)).toEqual(new Set([`Bearer ${tokens.accessToken.reveal()}`]));
  });
});

describe('SR-44', () => {
  it('SR-44 a holder paused beyond its lease → its late write is refused, the newest token survives', async () => {
    const visitor = await fleet.signIn(0, two);
    const held = await holdRefresh(fleet, { visitor, member: one, when: 'after' });
    one.pause();
    held.open();
    await endLease(visitor);
    expect((await two.ask(visitor)).status).toBe(200);
    const newest = await grantAtRest(fleet.redis, visitor);
    one.resume();
    expect((await held.answer).status).toBe(200);
    await until(async () => (await one.events('late_pair_discarded')) === 1);
    await until(() => fleet.simulator.stats.livePairs === 1);
    const kept = (await stored(visitor))!;
    expect(kept.version).toBe(newest.version);
    expect(kept.tokens.accessToken.reveal()).toBe(newest.tokens.accessToken.reveal());
    expect((await one.ask(visitor)).status).toBe(200);
  });
});

describe('SR-45', () => {
  it('SR-45 kill -9 of the holder → another process takes over within the lease, no lock stays', async () => {
    const visitor = await fleet.signIn(0, two);
    const held = await holdRefresh(fleet, { visitor, member: one });
    await one.kill();
    await endLease(visitor);
    expect((await two.ask(visitor)).status).toBe(200);
    held.open();
    await until(async () => (await lockLeft(visitor)) === -2);
    await one.start();
    expect((await one.ask(visitor)).status).toBe(200);
  });
});

describe('SR-46', () => {
  /** Kills a process that has its answer and has not written it. */
  async function dieBeforeTheWrite(visitor: Visitor) {
    const held = await holdRefresh(fleet, { visitor, member: one, when: 'after' });
    await one.kill();
    held.open();
    await endLease(visitor);
    await one.start();
  }

  it('SR-46 death between answer and write, rotation on use → recovers silently', async () => {
    const visitor = await fleet.signIn(0, two);
    await dieBeforeTheWrite(visitor);
    expect((await settle(visitor, two)).status).toBe(200);
    expect(await sessionOf(visitor, one)).toMatchObject({ status: 'active' });
  });

  it('SR-46 the same, immediate rotation → reconnect needed, with a reason, and no loop', async () => {
    fleet.simulator.settings.rotation = 'immediate';
    const visitor = await fleet.signIn(0, two);
    await dieBeforeTheWrite(visitor);
    expect(await settle(visitor, two)).toMatchObject({ status: 401, code: 'needs_reconnect' });
    const before = refreshes();
    for (const member of [one, two, one, two]) await member.ask(visitor);
    expect(refreshes()).toBe(before);
    expect(await stored(visitor)).toMatchObject({ reconnectReason: 'refresh_token_refused' });
    expect(await sessionOf(visitor, one)).toMatchObject({
      ...{ signedIn: true, status: 'needs_reconnect' },
      reason: 'refresh_token_refused',
    });
  });
});

describe('SR-53', () => {
  it('SR-53 disconnect during a refresh → nothing comes back, the late pair is revoked', async () => {
    const visitor = await fleet.signIn(0, two);
    const browser = visitor.at(two);
    const held = await holdRefresh(fleet, { visitor, member: one, when: 'after' });
    one.pause();
    held.open();
    await endLease(visitor);
    expect((await browser.post('/oauth/disconnect')).status).toBe(303);
    one.resume();
    await held.answer;
    await until(() => fleet.simulator.stats.livePairs === 0);
    expect(await stored(visitor)).toBeUndefined();
    for (const member of [one, two]) {
      expect((await member.ask(visitor)).status).toBe(401);
      expect(await sessionOf(visitor, member)).toMatchObject({ status: 'needs_reconnect' });
    }
  });
});

describe('SR-58', () => {
  it('SR-58 SIGTERM → refreshes are finished and saved, locks released, exit code 0', async () => {
    const visitor = await fleet.signIn(0, two);
    const version = (await stored(visitor))!.version;
    const held = await holdRefresh(fleet, { visitor, member: one });
    const before = refreshes();
    const stopped = one.stop();
    await until(async () => !(await one.isReady()));
    held.open();
    expect((await held.answer).status).toBe(200);
    expect(await stopped).toBe(0);
    expect(await lockLeft(visitor)).toBe(-2);
    expect((await stored(visitor))!.version).toBeGreaterThan(version);
    expect((await one.ask(visitor)).code).toBe('ECONNREFUSED');
    expect((await two.ask(visitor)).status).toBe(200);
    expect(refreshes()).toBe(before);
    await one.start();
  });

  it('SR-58 a rolling restart under load → no call fails, no token is lost', async () => {
    const opened: Fleet[] = [];
    const open = async (options: FleetOptions) => {
      const own = await openFleet(options);
      opened.push(own);
      return own;
    };
    const random = createRandom(1, rollingRestart.name);
    const openOn = () => Promise.reject(new Error('not for this one'));
    try {
      const { misses } = await rollingRestart.run({ short: true, random, open, openOn });
      expect(misses).toEqual([]);
    } finally {
      await Promise.all(opened.map((own) => own.close()));
    }
  });
});
