import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { type App, type World, openWorld } from '../support/world.js';

/** Many sign-ins of one browser at once, and how long they stay open. */

const HOUR_MS = 3_600_000;
let world: World;
let app: App;
let person: string;
let browser: Browser;

beforeAll(async () => {
  world = await openWorld();
  // Ten tabs of one user save their grants one after another, and a busy machine takes its time for it.
  app = await world.start({}, { saveAnswerMs: 30_000 });
  // Somebody who never connected: others are sent straight back, without a consent page.
  person = world.simulator.people.at(-1)!.id;
});

afterEach(async () => {
  world.simulator.faults.reset();
  world.simulator.revokeAuthorization(person);
  await world.stored.flushdb();
});
afterAll(() => world.close());

/** A tab of this browser that is back from Fullscript. */
const tab = (i: number | string, decision: 'approve' | 'deny' = 'approve') =>
  browser.consent({ person, decision, start: `/oauth/authorize?returnTo=/portal%3Ftab%3D${i}` });

const bindings = () => [...browser.cookies.keys()].filter((name) => name.startsWith('fc_auth_'));

describe('SR-11', () => {
  it.each([
    ['all at once', (calls: (() => Promise<unknown>)[]) => Promise.all(calls.map((one) => one()))],
    [
      'newest first',
      async (calls: (() => Promise<unknown>)[]) => {
        const results = [];
        for (const one of calls.toReversed()) results.unshift(await one());
        return results;
      },
    ],
  ] as const)('SR-11 ten tabs, %s → ten successes, each with its own returnTo', async (_, run) => {
    browser = app.browser();
    const callbacks = await Promise.all(Array.from({ length: 10 }, (_, i) => tab(i)));
    const pages = await run(callbacks.map((callback) => () => browser.send(callback)));
    expect(pages).toMatchObject(
      callbacks.map((_, i) => ({ status: 303, location: `/portal?tab=${i}` })),
    );
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    expect(bindings()).toEqual([]);
  });

  it.each<[string, number, () => Promise<string>]>([
    ['is denied', 403, () => tab('bad', 'deny')],
    ['has an unknown state', 400, async () => (await tab('bad')).replace('state=', 'state=x')],
    ['has its state twice', 400, async () => `${await tab('bad')}&state=x`],
    ['has a code that is refused', 400, async () => (await tab('bad')).replace('code=', 'code=x')],
    [
      'meets an error of Fullscript',
      502,
      async () => {
        const callback = await tab('bad');
        const fault = { endpoint: 'token', kind: 'status', status: 500, times: 1 } as const;
        world.simulator.faults.add(fault);
        return callback;
      },
    ],
    [
      'has expired',
      400,
      async () => {
        const known = new Set(await world.pending());
        const callback = await tab('bad');
        const [key] = (await world.pending()).filter((one) => !known.has(one));
        await world.stored.del(key!);
        return callback;
      },
    ],
  ])('SR-11 a tab whose callback %s → the tabs beside it go on', async (_, status, fail) => {
    browser = app.browser();
    const before = await tab('before');
    const failing = await fail();
    const after = await tab('after');
    expect((await browser.send(failing)).status).toBe(status);
    for (const [callback, name] of [
      [before, 'before'],
      [after, 'after'],
    ] as const) {
      expect(await browser.send(callback)).toMatchObject({
        ...{ status: 303, location: `/portal?tab=${name}` },
      });
    }
  });
});

describe('SR-12', () => {
  it('SR-12 a start → its record and its cookie live an hour at most', async () => {
    browser = app.browser();
    const page = await browser.send('/oauth/authorize');
    const [key, ...more] = await world.pending();
    expect(more).toEqual([]);
    const left = await world.stored.pttl(key!);
    expect(left).toBeGreaterThan(HOUR_MS - 60_000);
    expect(left).toBeLessThanOrEqual(HOUR_MS);
    const [cookie] = page.headers.getSetCookie();
    expect(cookie).toMatch(/^fc_auth_[\w-]+=/);
    expect(Number(/Max-Age=(\d+)/.exec(cookie!)![1])).toBeLessThanOrEqual(3_600);
  });

  it('SR-12 the state has died, the session lives → refused, and still signed in', async () => {
    browser = app.browser();
    await browser.signIn(person);
    const known = new Set(await world.pending());
    const callback = await tab('late');
    const [key] = (await world.pending()).filter((one) => !known.has(one));
    // Nothing prolongs it, however busy the session is.
    const before = await world.stored.pttl(key!);
    await browser.send('/portal');
    expect(await world.stored.pttl(key!)).toBeLessThanOrEqual(before);
    await world.stored.del(key!);
    expect((await browser.send(callback)).text).toContain('(state_unknown)');
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
  });

  it.each([
    ['nobody signed in', false],
    ['somebody signed in', true],
  ])('SR-12 21 sign-ins open in one browser, %s → the oldest is dropped', async (_, isSignedIn) => {
    browser = app.browser();
    if (isSignedIn) await browser.signIn(person);
    const earlier = (await world.pending()).length;
    const first = await tab('first');
    const kept = app.browser();
    for (const [name, value] of browser.cookies) kept.cookies.set(name, value);
    const second = await tab('second');
    for (let i = 0; i < 18; i += 1) await browser.send('/oauth/authorize');
    expect(bindings()).toHaveLength(20);
    const last = await tab('last');
    expect(bindings()).toHaveLength(20);
    expect((await world.pending()).length - earlier).toBe(20);
    const before = world.simulator.stats.exchanges;
    // Also for a browser that has kept its cookie.
    for (const one of [browser, kept]) {
      const dropped = await one.send(first);
      expect(dropped.status).toBe(400);
      expect(dropped.text).toContain('(state_unknown)');
    }
    expect(world.simulator.stats.exchanges).toBe(before);
    for (const [callback, name] of [
      [second, 'second'],
      [last, 'last'],
    ] as const) {
      expect(await browser.send(callback)).toMatchObject({
        ...{ status: 303, location: `/portal?tab=${name}` },
      });
    }
  });

  it('SR-12 30 starts in one browser, none of which comes back → 20 open, the newest works', async () => {
    browser = app.browser();
    for (let i = 0; i < 29; i += 1) await browser.send('/oauth/authorize');
    expect(bindings()).toHaveLength(20);
    expect((await browser.send(await tab('last'))).location).toBe('/portal?tab=last');
  });
});
