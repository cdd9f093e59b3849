import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, copyOf, sessionIdOf } from '../support/browser.js';
import { gate } from '../support/gate.js';
import { sessionHash, sessionKey } from '../support/keys.js';
import { until } from '../support/until.js';
import { type App, type World, openWorld } from '../support/world.js';

/** What a state is good for: this browser, once, for ten minutes. */

let world: World;
let app: App;
let person: string;
let other: string;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
  [person, other] = world.simulator.people.map(({ id }) => id) as [string, string];
});

afterEach(() => world.simulator.faults.reset());
afterAll(() => world.close());

const exchanges = () => world.simulator.stats.exchanges;
const session = (browser: Browser) =>
  browser.json<{ signedIn: boolean; resourceOwner?: { id: string } }>('/api/session');

/** A callback with its state replaced. */
function withState(callback: string, change: (state: string) => string): string {
  return callback.replace(/([?&]state=)([^&]*)/, (_, name: string, value: string) => {
    return `${name}${change(value)}`;
  });
}

const swapCase = (c: string) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase());

async function forget(keys: string[]): Promise<void> {
  for (const key of keys) await world.stored.pexpire(key, 1);
  await until(async () => (await world.stored.exists(...keys)) === 0);
}

/** Opens the callback and holds that nothing whatever came of it. */
async function expectsRefusal(browser: Browser, callback: string, code: string): Promise<void> {
  const before = {
    exchanges: exchanges(),
    sessions: await world.sessions(),
    cookies: new Map(browser.cookies),
  };
  const page = await browser.send(callback);
  expect({ status: page.status, code: page.text.includes(`(${code})`) }).toEqual({
    ...{ status: 400, code: true },
  });
  expect(page.text).toMatch(/Reference <code>[\w-]{36}<\/code>/);
  expect(page.headers.getSetCookie()).toEqual([]);
  expect(exchanges()).toBe(before.exchanges);
  expect(await world.sessions()).toEqual(before.sessions);
  expect(browser.cookies).toEqual(before.cookies);
}

describe.each([
  ['nobody signed in', false],
  ['somebody signed in', true],
])('SR-08, %s', (_, isSignedIn) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = app.browser();
    if (isSignedIn) await browser.signIn(other);
  });
  afterEach(async () => {
    expect((await session(browser)).signedIn).toBe(isSignedIn);
  });

  it.each<[string, (callback: string) => string, string]>([
    ['missing', (url) => url.replace(/&?state=[^&]*/, ''), 'state_missing'],
    ['empty', (url) => withState(url, () => ''), 'state_missing'],
    ['unknown', (url) => withState(url, () => 'A'.repeat(43)), 'state_unknown'],
    ['cut', (url) => withState(url, (state) => state.slice(0, -1)), 'state_unknown'],
    ['of 3 000 characters', (url) => withState(url, () => 'A'.repeat(3_000)), 'state_missing'],
    ['with a null', (url) => withState(url, (state) => `${state}%00`), 'state_unknown'],
    [
      'given twice, alike',
      (url) => `${url}&${/state=[^&]*/.exec(url)![0]}`,
      'parameter_duplicated',
    ],
    ['given twice, empty once', (url) => `${url}&state=`, 'parameter_duplicated'],
    ['good and the code twice', (url) => `${url}&code=b`, 'parameter_duplicated'],
    ['good and an error twice', (url) => `${url}&error=a&error=a`, 'parameter_duplicated'],
    ['in brackets', (url) => url.replace('state=', 'state[]='), 'state_missing'],
  ])('SR-08 state is %s → 400, no token call, nothing changes', async (_name, change, code) => {
    const callback = await browser.consent({ person: other });
    await expectsRefusal(browser, change(callback), code);
    // The true one has not suffered.
    expect((await browser.send(callback)).status).toBe(303);
    if (!isSignedIn) browser.cookies.clear();
  });

  it('SR-08 one character of the state is altered → 400, wherever it stands', async () => {
    const callback = await browser.consent({ person: other });
    for (const at of [0, 21, 42]) {
      const alter = (c: string) => (/[a-z]/i.test(c) ? swapCase(c) : c === '0' ? '1' : '0');
      const altered = withState(callback, (state) => {
        return `${state.slice(0, at)}${alter(state[at]!)}${state.slice(at + 1)}`;
      });
      expect(altered).not.toBe(callback);
      await expectsRefusal(browser, altered, 'state_unknown');
    }
  });

  it('SR-08 the state has expired → 400, no token call, nothing changes', async () => {
    const known = new Set(await world.pending());
    const callback = await browser.consent({ person: other });
    await forget((await world.pending()).filter((key) => !known.has(key)));
    await expectsRefusal(browser, callback, 'state_unknown');
  });
});

describe('SR-09', () => {
  it.each([
    ['nobody signed in', undefined],
    ['a sign-in under way', 'started'],
    ['somebody signed in', 'signed in'],
  ])('SR-09 browser B, %s, opens a callback of browser A → 400, no token call', async (_, b) => {
    const [mine, theirs] = [app.browser(), app.browser()];
    if (b === 'started') await theirs.consent({ person: other });
    if (b === 'signed in') await theirs.signIn(other);
    const callback = await mine.consent({ person });
    await expectsRefusal(theirs, callback, 'state_unknown');
    if (b === 'signed in') {
      expect((await session(theirs)).resourceOwner).toMatchObject({ id: other });
    } else expect((await session(theirs)).signedIn).toBe(false);
    // It has not been spoilt for the browser it belongs to.
    expect((await mine.open(callback)).url).toBe(`${app.origin}/portal`);
    expect((await session(mine)).resourceOwner).toMatchObject({ id: person });
    await expectsRefusal(theirs, callback, 'state_unknown');
  });

  it('SR-09 browser B puts its own binding in place of the one of A → 400, no token call', async () => {
    const [mine, theirs] = [app.browser(), app.browser()];
    const callback = await mine.consent({ person });
    await theirs.consent({ person: other });
    const [name] = [...mine.cookies.keys()];
    const [value] = [...theirs.cookies.values()];
    theirs.cookies.set(name!, value!);
    await expectsRefusal(theirs, callback, 'state_unknown');
    expect((await mine.send(callback)).status).toBe(303);
  });

  it("SR-09 a stranger's code behind a state of one's own → nobody becomes the stranger unseen", async () => {
    const [mine, attacker] = [app.browser(), app.browser()];
    await mine.signIn(person);
    const planted = await attacker.consent({ person: other });
    const code = /code=[^&]*/.exec(planted)![0];
    // Without a sign-in of the victim's own under way there is no state that would take it.
    for (const callback of [`/oauth/callback?${code}`, planted]) {
      const before = exchanges();
      expect((await mine.send(callback)).status).toBe(400);
      expect(exchanges()).toBe(before);
    }
    expect((await session(mine)).resourceOwner).toMatchObject({ id: person });
  });
});

describe('SR-10', () => {
  /** All at once; holds one exchange, and one session that every answer gives. */
  async function race(origins: string[], times: number): Promise<void> {
    const browser = app.browser();
    const callback = await browser.consent({ person });
    const before = { exchanges: exchanges(), sessions: Object.keys(await world.sessions()).length };
    const tabs = Array.from({ length: times }, (_, i) =>
      copyOf(browser, origins[i % origins.length]!),
    );
    const pages = await Promise.all(tabs.map((tab) => tab.send(callback)));
    expect(pages.map(({ status, location }) => ({ status, location }))).toEqual(
      pages.map(() => ({ status: 303, location: '/portal' })),
    );
    expect(exchanges() - before.exchanges).toBe(1);
    expect(Object.keys(await world.sessions()).length - before.sessions).toBe(1);
    const ids = new Set(tabs.map((tab) => sessionIdOf(tab)));
    expect(ids.size).toBe(1);
    expect((await tabs[0]!.send('/api/fullscript/clinic')).status).toBe(200);
    expect((await session(tabs[0]!)).resourceOwner).toMatchObject({ id: person });
  }

  it.each([2, 20])('SR-10 one callback %i times in parallel → one token call, one session', (n) =>
    race([app.origin], n),
  );

  it('SR-10 the same at two servers on one Redis → one token call, one session', async () => {
    const second = await world.start();
    await race([app.origin, second.origin], 20);
  });

  it('SR-10 the client leaves during the exchange and comes again → signed in, with the one session', async () => {
    const second = await world.start();
    const browser = app.browser();
    const callback = await browser.consent({ person });
    const again = copyOf(browser, second.origin);
    const before = { exchanges: exchanges(), sessions: Object.keys(await world.sessions()).length };
    const { opened, open } = gate();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const calls = world.tokenCalls().length;
    const client = new AbortController();
    const first = browser.send(callback, { signal: client.signal });
    await until(() => world.tokenCalls().length > calls);
    client.abort();
    await expect(first).rejects.toThrow();
    const answer = again.send(callback);
    open();
    expect(await answer).toMatchObject({ status: 303, location: '/portal' });
    expect((await session(again)).resourceOwner).toMatchObject({ id: person });
    expect(exchanges() - before.exchanges).toBe(1);
    expect(Object.keys(await world.sessions()).length - before.sessions).toBe(1);
  });

  /** A callback whose answer has not reached its browser. */
  async function lostAnswer(browser: Browser, start = '/oauth/authorize'): Promise<string> {
    const callback = await browser.consent({ person, start });
    expect((await copyOf(browser, app.origin).send(callback)).status).toBe(303);
    return callback;
  }

  it('SR-10 once more when the session of the first was used → led on, without a cookie', async () => {
    const browser = app.browser();
    const callback = await browser.consent({
      person,
      start: '/oauth/authorize?returnTo=/portal/team',
    });
    const again = copyOf(browser, app.origin);
    expect((await browser.send(callback)).status).toBe(303);
    const key = sessionKey(sessionHash(sessionIdOf(browser)));
    const unusedMs = await world.stored.pttl(key);
    await browser.send('/portal');
    // A use is written behind its answer.
    await until(async () => (await world.stored.pttl(key)) > unusedMs);
    expect(await again.send(callback)).toMatchObject({ status: 303, location: '/portal/team' });
    expect(again.cookies.has('fc_session')).toBe(false);
    expect((await session(again)).signedIn).toBe(false);
  });

  it('SR-10 once more when the session of the first was ended → refused, no cookie', async () => {
    const browser = app.browser();
    const callback = await browser.consent({ person });
    const again = copyOf(browser, app.origin);
    expect((await browser.send(callback)).status).toBe(303);
    await browser.post('/sign-out');
    const page = await again.send(callback);
    expect(page).toMatchObject({ status: 400, text: expect.stringContaining('(state_unknown)') });
    expect(again.cookies.has('fc_session')).toBe(false);
  });

  it('SR-10 signed out since, by another session of this browser → nobody is signed in again', async () => {
    const browser = app.browser();
    const before = Object.keys(await world.sessions()).length;
    const callback = await lostAnswer(browser);
    await browser.signIn(other);
    const copy = copyOf(browser, app.origin);
    await browser.post('/sign-out');
    expect([...browser.cookies.keys()].filter((name) => name.startsWith('fc_auth_'))).toEqual([]);
    for (const one of [browser, copy]) {
      expect((await one.send(callback)).status).toBe(400);
      expect((await session(one)).signedIn).toBe(false);
    }
    expect(Object.keys(await world.sessions())).toHaveLength(before);
  });

  it('SR-10 once more in a browser that is signed in as another user → that session ends', async () => {
    const browser = app.browser();
    const callback = await lostAnswer(browser);
    await browser.signIn(other);
    const copy = copyOf(browser, app.origin);
    expect((await browser.send(callback)).status).toBe(303);
    expect((await session(browser)).resourceOwner).toMatchObject({ id: person });
    expect((await session(copy)).signedIn).toBe(false);
    expect(browser.cookies.has('fc_device')).toBe(true);
  });

  it('SR-10 another code while the first is exchanged → said so, and how to start again with what was wanted', async () => {
    const browser = app.browser();
    const start = '/oauth/authorize?returnTo=/portal/patients';
    const callback = new URL(await browser.consent({ person, start }), app.origin);
    const again = copyOf(browser, app.origin);
    const before = exchanges();
    const { opened, open } = gate();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const calls = world.tokenCalls().length;
    const first = browser.send(`${callback.pathname}${callback.search}`);
    await until(() => world.tokenCalls().length > calls);
    callback.searchParams.set('code', 'of-the-second-click');
    const second = again.send(`${callback.pathname}${callback.search}`);
    open();
    expect((await first).status).toBe(303);
    const page = await second;
    expect(page).toMatchObject({ status: 400, text: expect.stringContaining('(state_answered)') });
    expect(page.text).toContain(
      'href="/oauth/authorize?registration=us-sandbox&amp;returnTo=%2Fportal%2Fpatients"',
    );
    expect(again.cookies.has('fc_session')).toBe(false);
    expect(exchanges() - before).toBe(1);
  });

  it('SR-10 the first one has failed → the second says the same, after one token call', async () => {
    const browser = app.browser();
    const callback = await browser.consent({ person });
    const again = copyOf(browser, app.origin);
    const body = { error: 'invalid_grant' };
    world.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 400, body, times: 1 });
    const before = exchanges();
    const pages = await Promise.all([browser.send(callback), again.send(callback)]);
    for (const page of pages) {
      expect(page).toMatchObject({ status: 400, text: expect.stringContaining('(invalid_grant)') });
      expect(page.text).toContain('href="/?registration=us-sandbox"');
    }
    expect(exchanges() - before).toBe(1);
    expect((await session(again)).signedIn).toBe(false);
  });

  it('SR-10 opened again after success → on to the same page, no second token call', async () => {
    const browser = app.browser();
    const start = '/oauth/authorize?returnTo=/portal%3Freload';
    const callback = await browser.consent({ person, start });
    await browser.send(callback);
    const before = exchanges();
    const again = await browser.send(callback);
    expect(again).toMatchObject({ status: 303, location: '/portal?reload' });
    expect(again.headers.getSetCookie()).toEqual([]);
    expect(exchanges()).toBe(before);
    expect((await app.browser().send(callback)).status).toBe(400);
  });

  it.each([
    ['another code', { code: 'of-another-account' }],
    ['a no', { error: 'access_denied' }],
  ])(
    'SR-10 back to Fullscript, and %s under the same state → said so, never led on',
    async (_, answer) => {
      const browser = app.browser();
      const start = '/oauth/authorize?returnTo=/portal/patients';
      const callback = new URL(await browser.consent({ person, start }), app.origin);
      await browser.send(`${callback.pathname}${callback.search}`);
      const before = exchanges();
      const state = callback.searchParams.get('state')!;
      const query = new URLSearchParams({ state, ...answer }).toString();
      const page = await browser.send(`${callback.pathname}?${query}`);
      expect(page.status).toBe(400);
      expect(page.text).toContain('(state_answered)');
      expect(page.text).toContain(
        'href="/oauth/authorize?registration=us-sandbox&amp;returnTo=%2Fportal%2Fpatients"',
      );
      expect(exchanges()).toBe(before);
      expect((await session(browser)).resourceOwner).toMatchObject({ id: person });
      // To a browser that was not signed in by it, it is like any state of before.
      const stranger = await app.browser().send(`${callback.pathname}?${query}`);
      expect(stranger.text).toContain('(state_unknown)');
    },
  );
});
