import { readFile, readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { grantId } from '../../../src/grants/grant.js';
import { createRefreshBackoff } from '../../../src/grants/refresh-backoff.js';
import { createMemoryRefreshFailures } from '../../../src/memory/refresh-failures.js';
import { TokenEndpointError } from '../../../src/oauth/errors.js';
import { closeRedis } from '../../../src/redis/client.js';
import { lockKey } from '../../../src/redis/keys.js';
import { createBrowser } from '../../support/browser.js';
import { connectTo } from '../../support/contract.js';
import { openCustody, gate, until } from '../../support/custody.js';
import { type Fleet, type FleetOptions, type Member, openFleet } from '../../../torture/fleet.js';
import { holdRefresh } from '../../../torture/held-refresh.js';
import { rollingRestart } from '../../../torture/ordeals/rolling-restart.js';
import { createRandom } from '../../../torture/random.js';
import {
  type Visitor,
  grantAtRest,
  sessionOf,
  settle,
  storedGrants,
} from '../../../torture/visitor.js';

/** The statements about grants, held by real server processes on a real Redis. */

const TOKEN = { endpoint: 'token', grantType: 'refresh_token' } as const;
const LEASE_MS = 6_000;

let fleet: Fleet;
let one: Member;
let two: Member;
let redis: Redis;

beforeAll(async () => {
  fleet = await openFleet({ processes: 2, redisArgs: ['--appendonly', 'yes'] });
  [one, two] = fleet.members as [Member, Member];
  redis = (await connectTo(fleet.redis)) as Redis;
});

afterEach(() => {
  const { simulator } = fleet;
  simulator.faults.reset();
  simulator.settings.rotation = 'on_use';
  simulator.settings.accessTokenLifetime = 7200;
  simulator.requests.length = 0;
  for (const { id } of simulator.people) simulator.revokeAuthorization(id);
});

afterAll(async () => {
  await closeRedis(redis);
  await fleet.close();
});

const refreshes = () => fleet.simulator.stats.refreshes;

/** Refresh tokens in the order they were sent. */
function sentTokens(): string[] {
  return fleet.simulator.requests
    .filter(({ grantType }) => grantType === 'refresh_token')
    .map(({ body }) => (JSON.parse(body) as { refresh_token: string }).refresh_token);
}

async function stored(visitor: Visitor) {
  const [grant] = await storedGrants(fleet.redis, [visitor]);
  return grant;
}

/** What lies sealed on the disk of a process. */
async function journalOf({ folder }: Member): Promise<string[]> {
  const journal = join(folder, 'data', 'journal');
  const entries = (await readdir(journal)).filter((name) => name.endsWith('.json'));
  return Promise.all(entries.map((name) => readFile(join(journal, name), 'utf8')));
}

const lockLeft = (visitor: Visitor) => redis.pttl(lockKey(grantId(visitor.key)));

describe('SR-43', () => {
  it('SR-43 100 parallel requests at expiry in two processes → one refresh, all answered with the new token', async () => {
    fleet.simulator.settings.accessTokenLifetime = 3;
    const visitor = await fleet.signIn(0);
    const { expiresAt } = (await sessionOf(visitor, one))!;
    await until(() => Date.now() >= Date.parse(expiresAt!));
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
  it('SR-44 a holder slower than the lease → its lease is renewed and nobody else asks', async () => {
    const visitor = await fleet.signIn(0);
    const before = refreshes();
    const held = await holdRefresh(fleet, { visitor, member: one });
    const waiting = two.ask(visitor);
    let lowest = LEASE_MS;
    await until(async () => {
      const left = await lockLeft(visitor);
      lowest = Math.min(lowest, left);
      return left > lowest + 1_000;
    });
    held.open();
    expect([(await held.answer).status, (await waiting).status]).toEqual([200, 200]);
    expect(refreshes() - before).toBe(1);
  });

  it('SR-44 a holder paused beyond its lease → its late write is refused, the newest token survives', async () => {
    const visitor = await fleet.signIn(0);
    const held = await holdRefresh(fleet, { visitor, member: one, when: 'after' });
    one.pause();
    held.open();
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
    const visitor = await fleet.signIn(0);
    const held = await holdRefresh(fleet, { visitor, member: one });
    await one.kill();
    const from = performance.now();
    const answer = await two.ask(visitor);
    expect(answer.status).toBe(200);
    expect(performance.now() - from).toBeLessThan(LEASE_MS + 1_000);
    held.open();
    await until(async () => (await lockLeft(visitor)) === -2);
    await one.start();
    expect((await one.ask(visitor)).status).toBe(200);
  });

  it('SR-45 a token endpoint that never answers → nothing in flight is older than its time-out', async () => {
    const world = await openCustody({ tokenTimeoutMs: 200 });
    const key = await world.connect();
    world.clock.advance(7200_000);
    const { opened, open } = gate();
    world.simulator.faults.add({ ...TOKEN, kind: 'delay', until: opened, times: 1 });
    const refresher = world.refresher();
    await expect(refresher.current(key)).rejects.toMatchObject({ code: 'no_answer' });
    await refresher.settled();
    const { tokens } = await refresher.current(key);
    expect(await world.call(tokens.accessToken.reveal())).toBe(200);
    open();
    await world.close();
  });
});

describe('SR-46', () => {
  /** Kills a process that has its answer and has not written it. */
  async function dieBeforeTheWrite(visitor: Visitor) {
    const held = await holdRefresh(fleet, { visitor, member: one, when: 'after' });
    await one.kill();
    held.open();
    await one.start();
  }

  it('SR-46 death between answer and write, rotation on use → recovers silently', async () => {
    const visitor = await fleet.signIn(0);
    await dieBeforeTheWrite(visitor);
    expect((await settle(visitor, two)).status).toBe(200);
    expect(await sessionOf(visitor, one)).toMatchObject({ status: 'active' });
  });

  it('SR-46 the same, immediate rotation → reconnect needed, with a reason, and no loop', async () => {
    fleet.simulator.settings.rotation = 'immediate';
    const visitor = await fleet.signIn(0);
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

describe('SR-47', () => {
  it('SR-47 Redis fails after rotation → new token used, pair journalled, old token not sent again, readiness red', async () => {
    const visitor = await fleet.signIn(0);
    const held = await holdRefresh(fleet, { visitor, member: one, when: 'after' });
    await fleet.redis.kill();
    held.open();
    expect((await held.answer).status).toBe(200);
    expect(await one.isReady()).toBe(false);
    const [entry = '', ...others] = await journalOf(one);
    expect(others).toEqual([]);
    const { issued } = fleet.simulator;
    const tokens = [issued.accessTokens, issued.refreshTokens].map((all) => all.at(-1)!);
    for (const token of tokens) expect(entry).not.toContain(token);
    expect(entry.length).toBeGreaterThan(100);
    await fleet.redis.restart();
    await until(() => one.isReady());
    await until(async () => (await one.events('replayed')) === 1);
    for (const member of [one, two]) expect((await settle(visitor, member)).status).toBe(200);
    fleet.simulator.expireAccessTokens();
    expect((await settle(visitor, two)).status).toBe(200);
    const sent = sentTokens();
    expect(sent).toHaveLength(2);
    expect(new Set(sent).size).toBe(2);
  });
});

describe('SR-48', () => {
  const refused = {
    ...TOKEN,
    kind: 'status',
    status: 400,
    body: { error: 'invalid_grant' },
  } as const;

  it('SR-48 invalid_grant while somebody else has written → what is stored now is used', async () => {
    const visitor = await fleet.signIn(0);
    fleet.simulator.faults.add({ ...refused, times: 1 });
    const held = await holdRefresh(fleet, { visitor, member: one });
    await fleet.signIn(0, two);
    held.open();
    expect((await held.answer).status).toBe(200);
    expect(await sessionOf(visitor, one)).toMatchObject({ status: 'active' });
  });

  it('SR-48 invalid_grant of an unchanged grant → reconnect', async () => {
    const visitor = await fleet.signIn(0);
    fleet.simulator.faults.add({ ...refused, times: 1 });
    fleet.simulator.expireAccessTokens();
    expect(await one.ask(visitor)).toMatchObject({ status: 401, code: 'needs_reconnect' });
    expect(await sessionOf(visitor, two)).toMatchObject({ status: 'needs_reconnect' });
  });

  it.each([
    ['invalid_client', { kind: 'status', status: 401, body: { error: 'invalid_client' } }],
    ['500', { kind: 'status', status: 500 }],
    ['502 that quotes invalid_grant', { ...refused, status: 502 }],
    ['429', { kind: 'status', status: 429 }],
    ['no answer', { kind: 'lost_answer' }],
  ] as const)('SR-48 %s → never ends a connection', async (_name, fault) => {
    const visitor = await fleet.signIn(0);
    fleet.simulator.expireAccessTokens();
    fleet.simulator.faults.add({ ...TOKEN, ...fault });
    for (const member of [one, two]) {
      expect((await member.ask(visitor)).status).toBeGreaterThanOrEqual(502);
      expect(await sessionOf(visitor, member)).toMatchObject({ status: 'active' });
    }
    fleet.simulator.faults.reset();
    expect((await settle(visitor, two)).status).toBe(200);
  });
});

describe('SR-49', () => {
  it('SR-49 401 from the API → one refresh and one retry; a second 401 is passed on', async () => {
    const visitor = await fleet.signIn(0);
    fleet.simulator.faults.add({ endpoint: 'api', kind: 'status', status: 401 });
    const [before, calls] = [refreshes(), fleet.simulator.stats.apiCalls];
    expect((await one.ask(visitor)).status).toBe(401);
    expect(refreshes() - before).toBe(1);
    expect(fleet.simulator.stats.apiCalls - calls).toBe(2);
    expect(await sessionOf(visitor, one)).toMatchObject({ status: 'active' });
  });

  it('SR-49 401 for a token that is not the stored one any more → the stored one, no refresh', async () => {
    const visitor = await fleet.signIn(0);
    const { opened, open } = gate();
    fleet.simulator.faults.add({ endpoint: 'api', kind: 'delay', until: opened, times: 1 });
    const calls = fleet.simulator.stats.apiCalls;
    const slow = one.ask(visitor);
    await until(() => fleet.simulator.stats.apiCalls > calls);
    fleet.simulator.expireAccessTokens();
    expect((await two.ask(visitor)).status).toBe(200);
    const before = refreshes();
    open();
    expect((await slow).status).toBe(200);
    expect(refreshes()).toBe(before);
  });

  it('SR-49 a body is sent a second time as it was, or not at all', async () => {
    const visitor = await fleet.signIn(0);
    const browser = visitor.at(one);
    const headers = {
      'content-type': 'application/json',
      'x-csrf-token': await browser.csrfToken(),
    };
    const body = JSON.stringify({ first_name: 'A', last_name: 'B', email: 'a@example.test' });
    fleet.simulator.expireAccessTokens();
    const path = '/api/fullscript/clinic/patients';
    const answer = await browser.send(path, { method: 'POST', headers, body });
    expect(answer.status).toBe(201);
    const sent = fleet.simulator.requests.filter(({ method }) => method === 'POST');
    const bodies = sent.filter((call) => call.path.endsWith('/patients')).map((call) => call.body);
    expect(bodies).toEqual([body, body]);
  });
});

describe('SR-50', () => {
  it('SR-50 failed refreshes → tried less and less often, all processes together; by hand once more', async () => {
    const visitor = await fleet.signIn(0);
    fleet.simulator.expireAccessTokens();
    fleet.simulator.faults.add({ ...TOKEN, kind: 'status', status: 500 });
    const before = refreshes();
    const until1s = performance.now() + 1_000;
    for (let i = 0; performance.now() < until1s; i += 1) {
      expect((await [one, two][i % 2]!.ask(visitor)).status).toBe(502);
    }
    const attempts = refreshes() - before;
    expect(attempts).toBeGreaterThanOrEqual(2);
    expect(attempts).toBeLessThanOrEqual(4);
    const browser = visitor.at(two);
    const count = refreshes();
    for (let click = 1; click <= 5; click += 1) {
      expect((await browser.post('/oauth/refresh')).status).toBe(502);
    }
    expect(refreshes() - count).toBe(1);
  });
});

describe('SR-50 by itself', () => {
  it.each([
    [0, 500],
    [1, 1_000],
  ])('SR-50 jitter: chance %d → the second failure waits %d ms', async (chance, waitMs) => {
    const failures = createMemoryRefreshFailures({ now: () => 0 });
    const backoff = createRefreshBackoff({ failures, random: () => chance });
    const owner = { id: 'a', type: 'Staff' } as const;
    const grant = { key: { registration: 'us-sandbox', owner } as const, version: 1 };
    const failure = new TokenEndpointError('server_error', { status: 500 });
    await backoff.failed(await backoff.begin(grant, false), failure);
    await backoff.failed(await backoff.begin(grant, false), failure);
    await expect(backoff.begin(grant, false)).rejects.toMatchObject({ retryAfterMs: waitMs });
  });
});

describe('SR-51', () => {
  it('SR-51 the browser leaves during the exchange of its code → the grant is stored all the same', async () => {
    const { simulator } = fleet;
    const browser = createBrowser(one.origin);
    const callback = await browser.consent({ person: simulator.people[4]!.id });
    const { opened, open } = gate();
    const before = simulator.stats.exchanges;
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const connected = await one.events('connected');
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const leaving = request(`${one.origin}${callback}`, { headers: { cookie } }).end();
    leaving.on('error', () => undefined);
    await until(() => simulator.stats.exchanges > before);
    leaving.destroy();
    open();
    await until(async () => (await one.events('connected')) === connected + 1);
  });

  it('SR-51 the browser leaves during a refresh → it is finished and saved all the same', async () => {
    const visitor = await fleet.signIn(0);
    const version = (await stored(visitor))!.version;
    const { opened, open } = gate();
    const before = refreshes();
    fleet.simulator.expireAccessTokens();
    fleet.simulator.faults.add({ ...TOKEN, kind: 'delay', until: opened, times: 1 });
    const headers = { cookie: visitor.cookie() };
    const leaving = request(`${one.origin}/api/fullscript/clinic`, { headers }).end();
    leaving.on('error', () => undefined);
    await until(() => refreshes() > before);
    leaving.destroy();
    open();
    await until(async () => (await stored(visitor))!.version > version);
    expect((await two.ask(visitor)).status).toBe(200);
    expect(refreshes() - before).toBe(1);
  });
});

describe('SR-53', () => {
  it('SR-53 disconnect during a refresh → nothing comes back, the late pair is revoked', async () => {
    const visitor = await fleet.signIn(0);
    const browser = visitor.at(two);
    const held = await holdRefresh(fleet, { visitor, member: one, when: 'after' });
    one.pause();
    held.open();
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

  it('SR-53 sign-out during a refresh → the session stays ended', async () => {
    const visitor = await fleet.signIn(0);
    const browser = visitor.at(two);
    const held = await holdRefresh(fleet, { visitor, member: one });
    expect((await browser.post('/sign-out')).status).toBe(303);
    held.open();
    await held.answer;
    for (const member of [one, two]) {
      expect(await sessionOf(visitor, member)).toMatchObject({ signedIn: false });
    }
  });
});

describe('SR-58', () => {
  it('SR-58 SIGTERM → refreshes are finished and saved, locks released, exit code 0', async () => {
    const visitor = await fleet.signIn(0);
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
    const { misses } = await rollingRestart.run({ short: true, random, open, openOn });
    await Promise.all(opened.map((own) => own.close()));
    expect(misses).toEqual([]);
  }, 60_000);
});
