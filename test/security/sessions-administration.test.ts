import { userInfo } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sign } from 'cookie-signature';
import { loadConfig } from '../../src/config.js';
import { disableUser } from '../../src/grants/disabled-users.js';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { sessionOwner, sessionStart } from '../../src/http/session.js';
import { secret } from '../../src/oauth/secret.js';
import { createRedisDisabledUsers } from '../../src/redis/disabled-users.js';
import { AUDIT_TRAIL_KEY, DISABLED_USERS_KEY, grantKey } from '../support/keys.js';
import { createRedisUserSessions } from '../../src/redis/user-sessions.js';
import type { Person } from '../../src/simulator/simulator.js';
import { SECRETS } from '../support/app.js';
import { type Browser, copyOf } from '../support/browser.js';
import { runLine } from '../support/command.js';
import { gate } from '../support/gate.js';
import { startRedisGate } from '../support/redis-gate.js';
import type { TestRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

const { inLogs: ownerTag } = createOwnerTags([secret(SECRETS.SESSION_SECRET)]);

/** Turns of the event loop between one moment of a sign-in and the next that is tried. */
const TURNS = 24;

/** By the page's name, or by the one it had before. */
const ACCOUNT_LINK = /href="\/portal\/(account|sessions)"/;

/** Who is signed in where, and who may end it. Two servers on one Redis, and the commands. */

interface Listed {
  readonly id: string;
  readonly signedInAt: string;
  readonly device: string | null;
  readonly address: string | null;
  readonly current: boolean;
}

let world: World<TestRedis>;
let client: World['stored'];
let simulator: World['simulator'];
let redisGate: Awaited<ReturnType<typeof startRedisGate>>;
let apps: [App, App];
let ada: Person;
let bob: Person;

beforeAll(async () => {
  world = await openWorldWithRedis();
  ({ stored: client, simulator } = world);
  redisGate = await startRedisGate(world.redis.socketPath);
  [ada, bob] = simulator.people as [Person, Person];
  apps = [await world.start(), await world.start({ REDIS_URL: redisGate.url })];
});

afterAll(async () => {
  await world.close();
  await redisGate.close();
});

beforeEach(() => client.del(DISABLED_USERS_KEY));
afterEach(() => simulator.faults.reset());

const keyOf = ({ id, type }: Person): GrantKey => ({
  registration: 'us-sandbox',
  owner: { id, type },
});
const nameOf = ({ id, type }: Person) => `us-sandbox/${type}/${id}`;
const newBrowser = (at = 0) => apps[at]!.browser();

async function signedIn(person: Person, at = 0): Promise<Browser> {
  const browser = newBrowser(at);
  await browser.signIn(person.id);
  expect(await isSignedIn(browser)).toBe(true);
  return browser;
}

/** The same browser, as the other server sees it. */
const elsewhere = (browser: Browser) => copyOf(browser, apps[1].origin);

const isSignedIn = async (browser: Browser) =>
  (await browser.json<{ signedIn: boolean }>('/api/session')).signedIn;
const alive = (...browsers: Browser[]) =>
  Promise.all(browsers.map((one) => isSignedIn(elsewhere(one))));
const listOf = async (browser: Browser) =>
  (await browser.json<{ sessions: Listed[] }>('/api/sessions')).sessions;
const current = async (browser: Browser) => (await listOf(browser)).find((one) => one.current)!;
const storedSessions = () => client.keys('fc:1:session:*');

/** What a command answers to a program. */
async function result(...args: string[]): Promise<Record<string, unknown>> {
  const { ended, printed, said } = await runLine([...args, '--json'], loadConfig(apps[0].env));
  expect({ ended, said }).toEqual({ ended: 'done', said: '' });
  return JSON.parse(printed) as Record<string, unknown>;
}

describe('SR-25 a user', () => {
  beforeEach(() => client.flushall());

  it('SR-25 sees their own sessions and nobody else’s, as a page and as JSON', async () => {
    const from = Date.now();
    const [laptop, phone] = [await signedIn(ada), await signedIn(ada)];
    const stranger = await signedIn(bob);
    const seen = await listOf(laptop);
    expect(seen).toHaveLength(2);
    expect(seen.map((one) => one.current).sort()).toEqual([false, true]);
    for (const { signedInAt } of seen) {
      expect(signedInAt).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
      expect(Date.parse(signedInAt)).toBeGreaterThanOrEqual(from);
      expect(Date.parse(signedInAt)).toBeLessThanOrEqual(Date.now());
    }
    expect((await current(phone)).id).toBe(seen.find((one) => !one.current)!.id);
    const [foreign] = await listOf(stranger);
    const page = await laptop.send('/portal/account');
    expect(page.status).toBe(200);
    for (const { id } of seen) expect(page.text).toContain(`name="session" value="${id}"`);
    expect(page.text.match(/this browser/g)).toHaveLength(1);
    expect(page.text.match(/Signed in <time[^>]*>[^<]* UTC<\/time>/g)).toHaveLength(2);
    expect(page.text).not.toContain(foreign!.id);
    expect((await laptop.send('/portal')).text).toMatch(ACCOUNT_LINK);
    const before = await laptop.send('/portal/sessions');
    expect(before).toMatchObject({ status: 303, location: '/portal/account' });
  });

  it('SR-25 who is not signed in sees and ends nothing', async () => {
    await signedIn(ada);
    const browser = newBrowser();
    for (const path of ['/api/sessions', '/api/activity']) {
      const answer = await browser.send(path);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'not_signed_in' });
    }
    expect((await browser.send('/portal/account')).location).toBe(
      '/oauth/authorize?returnTo=%2Fportal%2Faccount',
    );
    for (const path of ['/sign-out/session', '/sign-out/others']) {
      expect((await browser.post(path)).status).toBe(401);
    }
    expect(await storedSessions()).toHaveLength(1);
  });

  it('SR-25 whose connection needs reconnect → can see and end sessions all the same', async () => {
    const [laptop, phone] = [await signedIn(ada), await signedIn(ada)];
    simulator.revokeAuthorization(ada.id);
    simulator.expireAccessTokens();
    const portal = await laptop.send('/portal');
    expect(portal.text).toContain('needs to be connected again');
    expect(portal.text).toMatch(ACCOUNT_LINK);
    const { apiCalls, refreshes } = simulator.stats;
    expect((await laptop.send('/portal/account')).status).toBe(200);
    expect(await laptop.post('/sign-out/others')).toMatchObject({ status: 303 });
    expect(await alive(laptop, phone)).toEqual([true, false]);
    expect(simulator.stats).toMatchObject({ apiCalls, refreshes });
  });

  it('SR-25 ends one session → that one is dead at once, in the other process too', async () => {
    const [laptop, phone] = [await signedIn(ada), await signedIn(ada)];
    const { id } = await current(phone);
    const answer = await laptop.post('/sign-out/session', { session: id });
    expect(answer).toMatchObject({ status: 303, location: '/portal/account' });
    expect(await alive(laptop, phone)).toEqual([true, false]);
    expect((await elsewhere(phone).send('/api/fullscript/clinic')).status).toBe(401);
    expect((await listOf(laptop)).map((one) => one.id)).not.toContain(id);
  });

  it('SR-25 ends the session of this very browser → signed out, cookie taken back', async () => {
    const [laptop, phone] = [await signedIn(ada), await signedIn(ada)];
    const copy = elsewhere(laptop);
    const { id } = await current(laptop);
    const answer = await laptop.post('/sign-out/session', { session: id });
    expect(answer).toMatchObject({ status: 303, location: '/' });
    expect(laptop.cookies.has('fc_session')).toBe(false);
    expect(await isSignedIn(copy)).toBe(false);
    expect(await alive(phone)).toEqual([true]);
  });

  it('SR-25 ends all others, then all → dead at once in the other process', async () => {
    const own = [await signedIn(ada), await signedIn(ada), await signedIn(ada, 1)] as const;
    const stranger = await signedIn(bob);
    const answer = await own[0].post('/sign-out/others');
    expect(answer).toMatchObject({ status: 303, location: '/portal/account' });
    expect(await alive(...own, stranger)).toEqual([true, false, false, true]);
    const again = await signedIn(ada);
    const copy = elsewhere(again);
    expect(await again.post('/sign-out/everywhere')).toMatchObject({ status: 303, location: '/' });
    expect(await alive(own[0], stranger)).toEqual([false, true]);
    expect(await isSignedIn(copy)).toBe(false);
  });

  it('SR-25 names a session of somebody else, or none → nothing ends', async () => {
    const [laptop, phone] = [await signedIn(ada), await signedIn(ada)];
    const stranger = await signedIn(bob);
    const { id } = await current(stranger);
    const own = (await current(phone)).id;
    for (const session of [id, own.slice(0, 11), `${own}x`, '*', '', '__proto__']) {
      const answer = await laptop.post('/sign-out/session', { session });
      expect(answer).toMatchObject({ status: 303, location: '/portal/account' });
    }
    expect((await laptop.post('/sign-out/session')).status).toBe(303);
    expect(await alive(laptop, phone, stranger)).toEqual([true, true, true]);
  });

  it('SR-25 by GET or without the CSRF token → nothing ends', async () => {
    const [laptop, phone] = [await signedIn(ada), await signedIn(ada)];
    const { id } = await current(phone);
    for (const path of ['/sign-out/session', '/sign-out/others']) {
      expect((await laptop.send(`${path}?session=${id}`)).status).toBe(404);
      const body = new URLSearchParams({ session: id });
      expect((await laptop.send(path, { method: 'POST', body })).status).toBe(403);
    }
    expect(await alive(laptop, phone)).toEqual([true, true]);
  });

  it('SR-25 the name of a session opens nothing, signed or not, and tells nothing of its id', async () => {
    const laptop = await signedIn(ada);
    const { id } = await current(laptop);
    const cookie = decodeURIComponent(laptop.cookies.get('fc_session')!);
    expect(cookie).not.toContain(id);
    const sid = cookie.slice(2, cookie.lastIndexOf('.'));
    for (const path of ['/portal/account', '/api/sessions', '/api/activity']) {
      const { text } = await laptop.send(path);
      expect(text.includes(id)).toBe(path !== '/api/activity');
      expect(text).not.toContain(sid);
    }
    const [stored = ''] = await storedSessions();
    const hash = stored.slice('fc:1:session:'.length);
    for (const made of [id, hash]) {
      for (const value of [made, `s:${sign(made, SECRETS.SESSION_SECRET)}`]) {
        const thief = newBrowser();
        thief.cookies.set('fc_session', encodeURIComponent(value));
        expect(await isSignedIn(thief)).toBe(false);
      }
    }
    expect(await alive(laptop)).toEqual([true]);
  });

  it('SR-25 a slower request of an ended session → finishes, and brings nothing back', async () => {
    const [laptop, phone] = [await signedIn(ada), await signedIn(ada)];
    const { opened, open } = gate();
    simulator.faults.add({ endpoint: 'api', kind: 'delay', until: opened, times: 1 });
    const { apiCalls } = simulator.stats;
    const slow = phone.send('/api/fullscript/clinic');
    await until(() => simulator.stats.apiCalls > apiCalls);
    await laptop.post('/sign-out/session', { session: (await current(phone)).id });
    open();
    expect((await slow).status).toBe(200);
    expect(await alive(laptop, phone)).toEqual([true, false]);
    expect(await storedSessions()).toHaveLength(1);
  });
});

describe('SR-25 an administrator', () => {
  beforeEach(() => client.flushall());

  it('SR-25 sees and ends the sessions of one user, then those of everybody', async () => {
    const own = [await signedIn(ada), await signedIn(ada, 1)];
    const stranger = await signedIn(bob);
    const listed = await result('sessions', 'list', nameOf(ada));
    const names = (await listOf(own[0]!)).map(({ id, signedInAt, device }) => ({
      ...{ id, signedInAt, device },
    }));
    expect(listed).toEqual({ user: nameOf(ada), sessions: names });
    expect(await result('sessions', 'end', nameOf(ada))).toEqual({ user: nameOf(ada), ended: 2 });
    expect(await alive(...own, stranger)).toEqual([false, false, true]);
    const again = await signedIn(ada);
    expect(await result('sessions', 'end', '--all')).toEqual({ ended: 2 });
    expect(await alive(again, stranger)).toEqual([false, false]);
    expect(await storedSessions()).toEqual([]);
    // Nobody was shut out, and the connections to Fullscript are as they were.
    expect((await (await signedIn(ada)).send('/api/fullscript/clinic')).status).toBe(200);
  });

  it('SR-56 each act of an administrator is written down: what, when, to whom, by whom', async () => {
    await signedIn(ada);
    await result('sessions', 'list', nameOf(ada));
    await result('users', 'disable', nameOf(ada));
    await result('users', 'enable', nameOf(ada));
    await result('sessions', 'end', nameOf(ada));
    await result('sessions', 'end', '--all');
    const trail = (await client.xrange(AUDIT_TRAIL_KEY, '-', '+')).map(([, fields]) => fields);
    const entries = trail.map((fields) =>
      Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : []))),
    );
    const to = { registration: 'us-sandbox', owner: ownerTag(keyOf(ada)) };
    expect(entries).toEqual([
      expect.objectContaining({ event: 'user_disabled', ...to, sessions: '1' }),
      expect.objectContaining({ event: 'user_enabled', ...to }),
      expect.objectContaining({ event: 'sessions_ended', ...to, sessions: '0' }),
      expect.objectContaining({ event: 'sessions_ended', owner: 'everybody', sessions: '0' }),
    ]);
    for (const entry of entries) {
      expect(entry).toMatchObject({ at: expect.stringMatching(/Z$/), by: userInfo().username });
    }
    expect(JSON.stringify(trail)).not.toContain(ada.id);
  });

  it('SR-25 disables a user → sessions end, sign-in is refused and leaves nothing; enabled → in again', async () => {
    const laptop = await signedIn(ada);
    const stranger = await signedIn(bob);
    const grant = await client.hgetall(grantKey(grantId(keyOf(ada))));
    // Where finished sign-ins led.
    const pending = await client.keys('fc:1:pending:*');
    const live = simulator.stats.livePairs;
    expect(await result('users', 'disable', nameOf(ada))).toEqual({
      ...{ user: nameOf(ada), disabled: true, changed: true, ended: 1, connected: true },
    });
    expect(await result('users', 'disabled')).toEqual({ users: [nameOf(ada)] });
    expect(await alive(laptop, stranger)).toEqual([false, true]);
    for (const at of [0, 1]) {
      const browser = newBrowser(at);
      const { pairsIssued } = simulator.stats;
      const page = await browser.signIn(ada.id);
      expect(page.status).toBe(403);
      expect(page.text).toContain('(user_disabled)');
      const tried = apps[at]!.lines.findLast((line) => line.includes('"sign_in_failed"'));
      expect(JSON.parse(tried ?? '')).toMatchObject({
        ...{ reason: 'user_disabled', owner: ownerTag(keyOf(ada)) },
      });
      expect(page.text).toContain('You cannot sign in here at the moment');
      expect([...browser.cookies.keys()]).toEqual([]);
      expect(simulator.stats.pairsIssued).toBe(pairsIssued + 1);
      await until(() => simulator.stats.livePairs === live);
    }
    expect(await client.hgetall(grantKey(grantId(keyOf(ada))))).toEqual(grant);
    expect(await storedSessions()).toHaveLength(1);
    // What came of the two callbacks, for the same ones once more.
    const left = (await client.keys('fc:1:pending:*')).filter((key) => !pending.includes(key));
    expect(left).toHaveLength(2);
    expect(await result('users', 'enable', nameOf(ada))).toMatchObject({ changed: true });
    const back = await signedIn(ada);
    expect((await back.send('/api/fullscript/clinic')).status).toBe(200);
    // What was ended stays ended.
    expect(await alive(laptop)).toEqual([false]);
  });

  it('SR-25 requests of people who are signed in → cost no look at who is disabled', async () => {
    const laptop = await signedIn(ada);
    const looks = async () =>
      /cmdstat_sismember:calls=(\d+)/.exec(await client.info('commandstats'));
    const before = (await looks())?.[1];
    expect(Number(before)).toBeGreaterThan(0);
    for (const path of [
      '/portal',
      '/portal/account',
      '/api/session',
      '/api/sessions',
      '/api/fullscript/clinic',
    ]) {
      expect((await laptop.send(path)).status).toBe(200);
    }
    expect((await looks())?.[1]).toBe(before);
  });
});

describe('SR-25 a sign-in that is under way while its user is disabled', () => {
  /** What the command does, without the time a process takes to start. */
  const disable = () =>
    disableUser(
      {
        disabledUsers: createRedisDisabledUsers(client),
        sessions: createRedisUserSessions({
          ...{ client, ownerOf: sessionOwner, signedInAt: sessionStart },
        }),
      },
      grantId(keyOf(ada)),
    );

  beforeEach(() => client.flushall());

  async function expectRefused(page: Promise<{ status: number; text: string }>, who: Browser) {
    const { status, text } = await page;
    expect(status).toBe(403);
    expect(text).toContain('(user_disabled)');
    expect([...who.cookies.keys()]).toEqual([]);
    expect(await storedSessions()).toEqual([]);
    expect(await client.keys('fc:1:user-sessions:*')).toEqual([]);
  }

  it('SR-25 while its code is exchanged → refused, nothing stored, its pair revoked', async () => {
    const browser = newBrowser(1);
    const back = await browser.consent({ person: ada.id });
    const { opened, open } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const { exchanges, livePairs } = simulator.stats;
    const page = browser.send(back);
    await until(() => simulator.stats.exchanges > exchanges);
    expect(await disable()).toMatchObject({ changed: true, ended: 0 });
    open();
    await expectRefused(page, browser);
    expect(await client.exists(grantKey(grantId(keyOf(ada))))).toBe(0);
    await until(() => simulator.stats.livePairs === livePairs);
  });

  it.each([
    ['before its session is written', ['set', 'fc:1:session:'], 0],
    // The first look comes before the session is entered in the user's list.
    ['between its session and the last look', ['sismember', 'fc:1:disabled-users'], 1],
  ] as const)('SR-25 %s → refused, and no session is left', async (_name, parts, ended) => {
    const browser = newBrowser(1);
    const back = await browser.consent({ person: ada.id });
    let entered = false;
    const { reached, release } = redisGate.hold((text) => {
      entered ||= text.includes('fc:1:user-sessions:');
      return entered && parts.every((part) => text.toLowerCase().includes(part));
    });
    const page = browser.send(back);
    await reached;
    expect(await disable()).toMatchObject({ changed: true, ended });
    release();
    await expectRefused(page, browser);
  });

  it.each([
    ['the write of the session', ['set', 'fc:1:session:']],
    ['the last look', ['sismember', 'fc:1:disabled-users']],
  ] as const)('SR-25 Redis is silent at %s → 503, and no way past it', async (_name, parts) => {
    const browser = newBrowser(1);
    const back = await browser.consent({ person: ada.id });
    let entered = false;
    const { release } = redisGate.hold((text) => {
      entered ||= text.includes('fc:1:user-sessions:');
      return entered && parts.every((part) => text.toLowerCase().includes(part));
    });
    const page = await browser.send(back);
    expect(page.status).toBe(503);
    expect(browser.cookies.has('fc_session')).toBe(false);
    release();
    await until(async () => (await storedSessions()).length === 0);
    expect(await isSignedIn(browser)).toBe(false);
  });

  it('SR-25 at any moment → no session is left, 10 of 10', async () => {
    for (let round = 0; round < 10; round += 1) {
      await client.flushall();
      const browser = newBrowser();
      const back = await browser.consent({ person: ada.id });
      const page = browser.send(back);
      for (let turn = 0; turn < round * TURNS; turn += 1) await new Promise(setImmediate);
      await disable();
      expect([303, 403]).toContain((await page).status);
      expect(await storedSessions()).toEqual([]);
      expect(await isSignedIn(browser)).toBe(false);
    }
  });
});
