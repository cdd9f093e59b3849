import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { type Site, openSite } from '../support/site.js';

/** Many sign-ins of one browser at once, and how long they stay open. */

const TEN_MINUTES_MS = 600_000;
const MINUTE_MS = 60_000;
let site: Site;
let person: string;
let browser: Browser;

beforeAll(async () => {
  site = await openSite();
  // Somebody who never connected: others are sent straight back, without a consent page.
  person = site.simulator.people.at(-1)!.id;
});

afterEach(async () => {
  site.simulator.faults.reset();
  site.simulator.revokeAuthorization(person);
  await site.client.flushall();
});
afterAll(() => site.close());

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
    browser = site.browser();
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
        site.simulator.faults.add(fault);
        return callback;
      },
    ],
    [
      'has expired',
      400,
      async () => {
        const known = new Set(await site.pending());
        const callback = await tab('bad');
        const [key] = (await site.pending()).filter((one) => !known.has(one));
        await site.client.del(key!);
        return callback;
      },
    ],
  ])('SR-11 a tab whose callback %s → the tabs beside it go on', async (_, status, fail) => {
    browser = site.browser();
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
  it('SR-12 a start → its record and its cookie live ten minutes at most', async () => {
    browser = site.browser();
    const page = await browser.send('/oauth/authorize');
    const [key, ...more] = await site.pending();
    expect(more).toEqual([]);
    const left = await site.client.pttl(key!);
    expect(left).toBeGreaterThan(TEN_MINUTES_MS - 60_000);
    expect(left).toBeLessThanOrEqual(TEN_MINUTES_MS);
    const [cookie] = page.headers.getSetCookie();
    expect(cookie).toMatch(/^fc_auth_[\w-]+=/);
    expect(Number(/Max-Age=(\d+)/.exec(cookie!)![1])).toBeLessThanOrEqual(600);
  });

  it('SR-12 the state has died, the session lives → refused, and still signed in', async () => {
    browser = site.browser();
    await browser.signIn(person);
    const known = new Set(await site.pending());
    const callback = await tab('late');
    const [key] = (await site.pending()).filter((one) => !known.has(one));
    // Nothing prolongs it, however busy the session is.
    const before = await site.client.pttl(key!);
    await browser.send('/portal');
    expect(await site.client.pttl(key!)).toBeLessThanOrEqual(before);
    await site.client.del(key!);
    expect((await browser.send(callback)).text).toContain('(state_unknown)');
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
  });

  it.each([
    ['nobody signed in', false],
    ['somebody signed in', true],
  ])(
    'SR-12 21 sign-ins open in one browser, %s → the oldest is dropped',
    async (_, isSignedIn) => {
      browser = site.browser();
      if (isSignedIn) await browser.signIn(person);
      const stored = async () => (await site.client.keys('fc:1:pending:*')).length;
      const earlier = await stored();
      const kept = site.browser();
      const callbacks: string[] = [];
      for (let i = 0; i < 21; i += 1) {
        callbacks.push(await tab(i));
        expect(bindings().length).toBe(Math.min(i + 1, 20));
        for (const [name, value] of browser.cookies) kept.cookies.set(name, value);
      }
      expect((await stored()) - earlier).toBe(20);
      const [oldest, ...others] = callbacks;
      const before = site.simulator.stats.exchanges;
      const dropped = await browser.send(oldest!);
      expect({ status: dropped.status, said: dropped.text.includes('(state_unknown)') }).toEqual({
        ...{ status: 400, said: true },
      });
      // Also for somebody who has kept its cookie.
      expect((await kept.send(oldest!)).text).toContain('(state_unknown)');
      expect(site.simulator.stats.exchanges).toBe(before);
      for (const [i, callback] of others.entries()) {
        expect(await browser.send(callback)).toMatchObject({
          ...{ status: 303, location: `/portal?tab=${i + 1}` },
        });
      }
    },
    MINUTE_MS,
  );

  it(
    'SR-12 100 starts in one browser → never more than 20 open, the newest works',
    async () => {
      browser = site.browser();
      for (let i = 0; i < 99; i += 1) {
        await browser.send('/oauth/authorize');
        expect(bindings().length).toBeLessThanOrEqual(20);
      }
      expect((await browser.send(await tab('last'))).location).toBe('/portal?tab=last');
    },
    MINUTE_MS,
  );
});
