import { readFile, readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { grantId } from '../../src/grants/grant.js';
import { createRefreshBackoff } from '../../src/grants/refresh-backoff.js';
import { createMemoryRefreshFailures } from '../../src/memory/refresh-failures.js';
import { TokenEndpointError } from '../../src/oauth/errors.js';
import { lockKey, refreshFailureKey } from '../support/keys.js';
import { openCustody } from '../support/custody.js';
import type { TestRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';
import { askingAt } from '../../torture/call.js';
import { holdRefresh } from '../../torture/held-refresh.js';
import { type Visitor, sessionOf, settle, signIn, storedGrants } from '../../torture/visitor.js';
import { gate } from '../support/gate.js';
import { DURABLE } from '../support/redis-server.js';

/** The statements about grants that two servers on one Redis hold, whether they share a process or not. */

const TOKEN = { endpoint: 'token', grantType: 'refresh_token' } as const;
const LEASE_MS = 6_000;

interface Server extends App {
  readonly ask: ReturnType<typeof askingAt>;
  /** What a load balancer's health check sees. */
  readonly isReady: () => Promise<boolean>;
  /** How often a grant event was counted. */
  readonly events: (name: string) => Promise<number>;
}

let world: World<TestRedis>;
let one: Server;
let two: Server;

beforeAll(async () => {
  world = await openWorldWithRedis({ args: DURABLE });
  [one, two] = await Promise.all([open(), open()]);
});

afterEach(() => {
  const { simulator } = world;
  simulator.faults.reset();
  simulator.requests.length = 0;
  for (const { id } of simulator.people) simulator.revokeAuthorization(id);
});

afterAll(() => world.close());

async function open(): Promise<Server> {
  const app = await world.start();
  const get = (path: string) => app.browser().send(path);
  return {
    ...app,
    ask: askingAt(app.origin),
    isReady: async () => (await get('/readyz')).status === 200,
    events: async (name) => {
      const line = new RegExp(`^fullscript_grant_events_total\\{event="${name}"\\} (\\d+)`, 'm');
      return Number(line.exec((await get('/metrics')).text)?.[1] ?? 0);
    },
  };
}

/** A visitor who has just signed in. */
const signedIn = (person: number, { browser } = one): Promise<Visitor> =>
  signIn(browser(), world.simulator.people[person]!.id);

const refreshes = () => world.simulator.stats.refreshes;

/** Refresh tokens in the order they were sent. */
function sentTokens(): string[] {
  return world.simulator.requests
    .filter(({ grantType }) => grantType === 'refresh_token')
    .map(({ body }) => (JSON.parse(body) as { refresh_token: string }).refresh_token);
}

async function stored(visitor: Visitor) {
  const [grant] = await storedGrants(world.redis, [visitor]);
  return grant;
}

/** What lies sealed on the disk of a server. */
async function journalOf({ env }: Server): Promise<string[]> {
  const journal = join(env['DATA_DIR']!, 'journal');
  const entries = (await readdir(journal)).filter((name) => name.endsWith('.json'));
  return Promise.all(entries.map((name) => readFile(join(journal, name), 'utf8')));
}

const lockLeft = (visitor: Visitor) => world.stored.pttl(lockKey(grantId(visitor.key)));

describe('SR-44', () => {
  it('SR-44 a holder slower than the lease → its lease is renewed and nobody else asks', async () => {
    const visitor = await signedIn(0);
    const before = refreshes();
    const held = await holdRefresh(world, { visitor, member: one });
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
});

describe('SR-45', () => {
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

describe('SR-47', () => {
  it('SR-47 Redis fails after rotation → new token used, pair journalled, old token not sent again, readiness red', async () => {
    const visitor = await signedIn(0);
    const held = await holdRefresh(world, { visitor, member: one, when: 'after' });
    await world.redis.kill();
    held.open();
    expect((await held.answer).status).toBe(200);
    expect(await one.isReady()).toBe(false);
    const [entry = '', ...others] = await journalOf(one);
    expect(others).toEqual([]);
    const { issued } = world.simulator;
    const tokens = [issued.accessTokens, issued.refreshTokens].map((all) => all.at(-1)!);
    for (const token of tokens) expect(entry).not.toContain(token);
    expect(entry.length).toBeGreaterThan(100);
    await world.redis.restart();
    await until(() => one.isReady());
    await until(async () => (await one.events('replayed')) === 1);
    for (const member of [one, two]) expect((await settle(visitor, member)).status).toBe(200);
    world.simulator.expireAccessTokens();
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
    const visitor = await signedIn(0);
    world.simulator.faults.add({ ...refused, times: 1 });
    const held = await holdRefresh(world, { visitor, member: one });
    await signedIn(0, two);
    held.open();
    expect((await held.answer).status).toBe(200);
    expect(await sessionOf(visitor, one)).toMatchObject({ status: 'active' });
  });

  it('SR-48 invalid_grant of an unchanged grant → reconnect', async () => {
    const visitor = await signedIn(0);
    world.simulator.faults.add({ ...refused, times: 1 });
    world.simulator.expireAccessTokens();
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
    const visitor = await signedIn(0);
    world.simulator.expireAccessTokens();
    world.simulator.faults.add({ ...TOKEN, ...fault });
    for (const member of [one, two]) {
      expect((await member.ask(visitor)).status).toBeGreaterThanOrEqual(502);
      expect(await sessionOf(visitor, member)).toMatchObject({ status: 'active' });
    }
    world.simulator.faults.reset();
    // As when the wait is over.
    await world.stored.del(refreshFailureKey(grantId(visitor.key)));
    expect((await two.ask(visitor)).status).toBe(200);
  });
});

describe('SR-49', () => {
  it('SR-49 401 from the API → one refresh and one retry; a second 401 is passed on', async () => {
    const visitor = await signedIn(0);
    world.simulator.faults.add({ endpoint: 'api', kind: 'status', status: 401 });
    const [before, calls] = [refreshes(), world.simulator.stats.apiCalls];
    expect((await one.ask(visitor)).status).toBe(401);
    expect(refreshes() - before).toBe(1);
    expect(world.simulator.stats.apiCalls - calls).toBe(2);
    expect(await sessionOf(visitor, one)).toMatchObject({ status: 'active' });
  });

  it('SR-49 401 for a token that is not the stored one any more → the stored one, no refresh', async () => {
    const visitor = await signedIn(0);
    const { opened, open } = gate();
    world.simulator.faults.add({ endpoint: 'api', kind: 'delay', until: opened, times: 1 });
    const calls = world.simulator.stats.apiCalls;
    const slow = one.ask(visitor);
    await until(() => world.simulator.stats.apiCalls > calls);
    world.simulator.expireAccessTokens();
    expect((await two.ask(visitor)).status).toBe(200);
    const before = refreshes();
    open();
    expect((await slow).status).toBe(200);
    expect(refreshes()).toBe(before);
  });

  it('SR-49 a body is sent a second time as it was, or not at all', async () => {
    const visitor = await signedIn(0);
    const browser = visitor.at(one);
    const headers = {
      'content-type': 'application/json',
      'x-csrf-token': await browser.csrfToken(),
    };
    const body = JSON.stringify({ first_name: 'A', last_name: 'B', email: 'a@example.test' });
    world.simulator.expireAccessTokens();
    const path = '/api/fullscript/clinic/patients';
    const answer = await browser.send(path, { method: 'POST', headers, body });
    expect(answer.status).toBe(201);
    const sent = world.simulator.requests.filter(({ method }) => method === 'POST');
    const bodies = sent.filter((call) => call.path.endsWith('/patients')).map((call) => call.body);
    expect(bodies).toEqual([body, body]);
  });
});

describe('SR-50', () => {
  it('SR-50 failed refreshes → tried less and less often, all processes together; by hand once more', async () => {
    const visitor = await signedIn(0);
    world.simulator.expireAccessTokens();
    world.simulator.faults.add({ ...TOKEN, kind: 'status', status: 500 });
    const before = refreshes();
    for (let i = 0; i < 20; i += 1) {
      expect((await [one, two][i % 2]!.ask(visitor)).status).toBe(502);
    }
    const attempts = refreshes() - before;
    expect(attempts).toBeGreaterThanOrEqual(2);
    expect(attempts).toBeLessThan(8);
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
    const { simulator } = world;
    const browser = one.browser();
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
    const visitor = await signedIn(0);
    const version = (await stored(visitor))!.version;
    const { opened, open } = gate();
    const before = refreshes();
    world.simulator.expireAccessTokens();
    world.simulator.faults.add({ ...TOKEN, kind: 'delay', until: opened, times: 1 });
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
  it('SR-53 sign-out during a refresh → the session stays ended', async () => {
    const visitor = await signedIn(0);
    const browser = visitor.at(two);
    const held = await holdRefresh(world, { visitor, member: one });
    expect((await browser.post('/sign-out')).status).toBe(303);
    held.open();
    await held.answer;
    for (const member of [one, two]) {
      expect(await sessionOf(visitor, member)).toMatchObject({ signedIn: false });
    }
  });
});
