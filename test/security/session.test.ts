import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeSession } from '../../src/redis/session-codec.js';
import { type Browser, copyOf, sessionOf } from '../support/browser.js';
import { type App, type World, openWorld } from '../support/world.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

/** The statements about how long a session lives, and who gets one at all. */

const HOUR = 3_600_000;
const CLINIC = '/api/fullscript/clinic';

let world: World;
let app: App;
let browser: Browser;
let person: string;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
  person = world.simulator.people[0]!.id;
});

beforeEach(async () => {
  await world.stored.flushdb();
  world.simulator.faults.reset();
  browser = app.browser();
});

afterAll(() => world.close());

const sessionKeys = () => world.stored.keys('fc:1:session:*');

/** The only session there is. */
async function onlySession(): Promise<string> {
  const keys = await sessionKeys();
  expect(keys).toHaveLength(1);
  return keys[0]!;
}

/** As if so much time had passed since the sign-in. */
async function signedInAgo(key: string, ms: number): Promise<void> {
  const { signIn, ...session } = decodeSession((await world.stored.get(key))!)!;
  const older = { ...session, signIn: { ...signIn, at: signIn.at - ms } };
  await world.stored.set(key, JSON.stringify(older), 'KEEPTTL');
}

describe('signing out', () => {
  it('of a session that is too old → done, and the cookie goes', async () => {
    await browser.signIn(person);
    await signedInAgo(await onlySession(), 10_000 * HOUR);
    const { status, location } = await browser.send('/sign-out', { method: 'POST' });
    expect([status, location]).toEqual([303, '/']);
    expect(browser.cookies.has('fc_session')).toBe(false);
    expect(await sessionKeys()).toEqual([]);
  });
});

describe('SR-23', () => {
  it('SR-23 sign-out → the record is gone, a copied cookie fails; the grant stays', async () => {
    await browser.signIn(person);
    const copy = copyOf(browser, app.origin);
    const live = world.simulator.stats.livePairs;
    expect(await browser.post('/sign-out')).toMatchObject({ status: 303, location: '/' });
    expect(browser.cookies.has('fc_session')).toBe(false);
    expect(await sessionKeys()).toEqual([]);
    for (const one of [browser, copy]) expect(await sessionOf(one)).toEqual({ signedIn: false });
    expect((await copy.send(CLINIC)).status).toBe(401);
    expect((await copy.send('/portal')).status).toBe(303);
    expect(await sessionKeys()).toEqual([]);
    expect(world.simulator.stats.livePairs).toBe(live);
  });

  it.each(['/sign-out', '/sign-out/everywhere'])(
    'SR-23 POST %s, and a slower request of that session finishes later → nothing comes back',
    async (path) => {
      await browser.signIn(person);
      // One that never touched this session, and so would touch it now.
      const other = await world.start();
      const slow = copyOf(browser, other.origin);
      const { opened, open } = gate();
      const { apiCalls } = world.simulator.stats;
      const held = { endpoint: 'api', kind: 'delay', until: opened } as const;
      world.simulator.faults.add({ ...held, times: 2 });
      const calls = [slow.send(CLINIC), copyOf(browser, app.origin).send(CLINIC)];
      await until(() => world.simulator.stats.apiCalls === apiCalls + 2);
      expect((await browser.post(path)).status).toBe(303);
      open();
      for (const answer of await Promise.all(calls)) {
        expect(answer.status).toBe(200);
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
      // Closing waits for what the request left running.
      await other.close();
      expect(await sessionKeys()).toEqual([]);
      const copy = copyOf(slow, app.origin);
      expect(await sessionOf(copy)).toEqual({ signedIn: false });
    },
  );

  it('SR-23 everywhere → all of this user’s sessions, and nobody else’s', async () => {
    const [phone, stranger] = [app.browser(), app.browser()];
    await browser.signIn(person);
    await phone.signIn(person);
    await stranger.signIn(world.simulator.people[1]!.id);
    expect((await browser.post('/sign-out/everywhere')).status).toBe(303);
    for (const one of [browser, phone]) expect(await sessionOf(one)).toEqual({ signedIn: false });
    expect(await sessionOf(stranger)).toMatchObject({ signedIn: true });
    expect(await sessionKeys()).toHaveLength(1);
  });
});

describe('SR-24', () => {
  /** As if the clock of Redis had gone on by so much: it forgets what should have ended by then. */
  async function passed(ms: number): Promise<void> {
    for (const key of await sessionKeys()) {
      await world.stored.pexpire(key, (await world.stored.pttl(key)) - ms);
    }
  }

  it('SR-24 the absolute limit holds although requests keep touching the session', async () => {
    const brief = await world.start({ SESSION_MAX_HOURS: '2' });
    const busy = brief.browser();
    await busy.signIn(person);
    const key = await onlySession();
    expect(await world.stored.pttl(key)).toBeLessThanOrEqual(2 * HOUR);
    await passed(HOUR);
    await signedInAgo(key, HOUR);
    // By a process that has not touched it yet.
    const fresh = await world.start({ SESSION_MAX_HOURS: '2' });
    expect((await sessionOf(copyOf(busy, fresh.origin))).signedIn).toBe(true);
    expect(await world.stored.pttl(key)).toBeLessThanOrEqual(HOUR);
    await passed(HOUR);
    expect((await sessionOf(busy)).signedIn).toBe(false);
    expect(await sessionKeys()).toEqual([]);
    expect((await busy.send(CLINIC)).status).toBe(401);
  });

  it('SR-24 the idle limit holds for a session that nobody uses', async () => {
    const brief = await world.start({ SESSION_IDLE_HOURS: '1' });
    const idle = brief.browser();
    await idle.signIn(person);
    const key = await onlySession();
    await until(async () => (await world.stored.pttl(key)) > HOUR - 30_000);
    await passed(HOUR);
    expect(await sessionOf(idle)).toEqual({ signedIn: false });
    expect(await sessionKeys()).toEqual([]);
  });

  it('SR-24 a touch → the idle time begins anew, and never reaches beyond the absolute limit', async () => {
    const limits = { SESSION_IDLE_HOURS: '1', SESSION_MAX_HOURS: '10' };
    const home = await world.start(limits);
    const visitor = home.browser();
    await visitor.signIn(person);
    const key = await onlySession();
    expect(await world.stored.pttl(key)).toBeLessThanOrEqual(HOUR);
    /** What is left after a request to a process that has not touched this session yet. */
    const leftAfterUse = async () => {
      const fresh = await world.start(limits);
      expect(await sessionOf(copyOf(visitor, fresh.origin))).toMatchObject({ signedIn: true });
      await fresh.close();
      return world.stored.pttl(key);
    };
    await world.stored.pexpire(key, HOUR / 2);
    const idleAgain = await leftAfterUse();
    expect(idleAgain).toBeGreaterThan(HOUR - 30_000);
    expect(idleAgain).toBeLessThanOrEqual(HOUR);
    await signedInAgo(key, 9.75 * HOUR);
    const nearTheEnd = await leftAfterUse();
    expect(nearTheEnd).toBeLessThanOrEqual(HOUR / 4);
    expect(nearTheEnd).toBeGreaterThan(HOUR / 4 - 30_000);
    // A record that should be gone by itself, and is not: the app looks too.
    await signedInAgo(key, HOUR / 4);
    await world.stored.persist(key);
    expect(await sessionOf(visitor)).toEqual({ signedIn: false });
    expect(await sessionKeys()).toEqual([]);
  });
});

describe('SR-26', () => {
  const paths = [
    ...['/', '/?returnTo=/portal', '/portal', '/portal?tab=1', '/oauth/authorize'],
    ...['/oauth/callback', '/oauth/callback?code=a&state=b', '/oauth/callback?error=access_denied'],
    ...['/api/session', CLINIC, '/api/nowhere', '/nowhere', '/robots.txt', '/favicon.ico'],
    ...['/livez', '/readyz', '/metrics', '/assets/style.css', '/assets/nowhere.css', '/%'],
  ];
  const posts = [
    '/sign-out',
    '/sign-out/everywhere',
    '/oauth/disconnect',
    '/oauth/refresh',
    CLINIC,
  ];

  /** Nothing kept, and nothing set that says "session". */
  async function expectsNoSession(what: string, setCookies: readonly string[]): Promise<void> {
    const cookies = setCookies.filter((line) => /^fc_session=(?!;)/.test(line));
    expect({ what, cookies, records: await sessionKeys() }).toEqual({
      what,
      cookies: [],
      records: [],
    });
  }

  it.each(['GET', 'HEAD'])('SR-26 %s of pages, checks and files → no session', async (method) => {
    for (const path of paths) {
      const answer = await app.browser().send(path, { method });
      await expectsNoSession(path, answer.headers.getSetCookie());
    }
  });

  it('SR-26 forms that nobody signed in sends → no session', async () => {
    for (const path of posts) {
      const answer = await browser.send(path, { method: 'POST', body: new URLSearchParams() });
      await expectsNoSession(path, answer.headers.getSetCookie());
    }
  });

  it.each(['denied', 'refused by Fullscript', 'unanswered'])(
    'SR-26 a sign-in that fails, %s → no session',
    async (how) => {
      const decision = how === 'denied' ? 'deny' : 'approve';
      // Somebody who never connected is asked; others are sent straight back.
      const callback = await browser.consent({
        person: world.simulator.people.at(-1)!.id,
        decision,
      });
      if (how === 'unanswered') {
        world.simulator.faults.add({ endpoint: 'token', kind: 'lost_answer', times: 1 });
      }
      const path =
        how === 'refused by Fullscript' ? callback.replace(/code=[^&]+/, 'code=x') : callback;
      const page = await browser.send(path);
      expect(page.status).toBeGreaterThanOrEqual(400);
      await expectsNoSession(how, page.headers.getSetCookie());
    },
  );
});
