import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp } from '../support/app.js';
import { type Browser, createBrowser } from '../support/browser.js';
import { freePorts } from '../support/free-ports.js';
import { type Site, openSite } from '../support/site.js';
import { until } from '../support/until.js';

/** What a state is good for: this browser, once, for ten minutes. */

let site: Site;
let person: string;
let other: string;

beforeAll(async () => {
  site = await openSite();
  [person, other] = site.simulator.people.map(({ id }) => id) as [string, string];
});

afterEach(() => site.simulator.faults.reset());
afterAll(() => site.close());

const exchanges = () => site.simulator.stats.exchanges;
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
  for (const key of keys) await site.client.pexpire(key, 1);
  await until(async () => (await site.client.exists(...keys)) === 0);
}

/** Opens the callback and holds that nothing whatever came of it. */
async function expectsRefusal(browser: Browser, callback: string, code: string): Promise<void> {
  const before = {
    exchanges: exchanges(),
    sessions: await site.sessions(),
    cookies: new Map(browser.cookies),
  };
  const page = await browser.send(callback);
  expect({ status: page.status, code: page.text.includes(`(${code})`) }).toEqual({
    ...{ status: 400, code: true },
  });
  expect(page.text).toMatch(/Reference <code>[\w-]{36}<\/code>/);
  expect(page.headers.getSetCookie()).toEqual([]);
  expect(exchanges()).toBe(before.exchanges);
  expect(await site.sessions()).toEqual(before.sessions);
  expect(browser.cookies).toEqual(before.cookies);
}

describe.each([
  ['nobody signed in', false],
  ['somebody signed in', true],
])('SR-08, %s', (_, isSignedIn) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = site.browser();
    if (isSignedIn) await browser.signIn(other);
  });
  afterEach(async () => {
    expect((await session(browser)).signedIn).toBe(isSignedIn);
  });

  it.each<[string, (callback: string) => string, string]>([
    ['missing', (url) => url.replace(/&?state=[^&]*/, ''), 'state_missing'],
    ['empty', (url) => withState(url, () => ''), 'state_missing'],
    ['alone in the address, no parameter', (url) => url.split('?')[0]!, 'state_missing'],
    ['unknown', (url) => withState(url, () => 'A'.repeat(43)), 'state_unknown'],
    ['cut', (url) => withState(url, (state) => state.slice(0, -1)), 'state_unknown'],
    ['longer', (url) => withState(url, (state) => `${state}A`), 'state_unknown'],
    ['of 3 000 characters', (url) => withState(url, () => 'A'.repeat(3_000)), 'state_missing'],
    ['with a null', (url) => withState(url, (state) => `${state}%00`), 'state_unknown'],
    ['a pattern', (url) => withState(url, () => '*'), 'state_unknown'],
    [
      'given twice, alike',
      (url) => `${url}&${/state=[^&]*/.exec(url)![0]}`,
      'parameter_duplicated',
    ],
    ['given twice, unknown last', (url) => `${url}&state=b`, 'parameter_duplicated'],
    ['given twice, unknown first', (url) => url.replace('?', '?state=b&'), 'parameter_duplicated'],
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

  it('SR-08 one character of the state is altered → 400, at whichever place', async () => {
    const callback = await browser.consent({ person: other });
    for (let at = 0; at < 43; at += 1) {
      const alter = (c: string) => (/[a-z]/i.test(c) ? swapCase(c) : c === '0' ? '1' : '0');
      const altered = withState(callback, (state) => {
        return `${state.slice(0, at)}${alter(state[at]!)}${state.slice(at + 1)}`;
      });
      expect(altered).not.toBe(callback);
      await expectsRefusal(browser, altered, 'state_unknown');
    }
  }, 60_000);

  it('SR-08 the state has expired → 400, no token call, nothing changes', async () => {
    const known = new Set(await site.pending());
    const callback = await browser.consent({ person: other });
    await forget((await site.pending()).filter((key) => !known.has(key)));
    await expectsRefusal(browser, callback, 'state_unknown');
  });
});

describe('SR-09', () => {
  it.each([
    ['nobody signed in', undefined],
    ['a sign-in under way', 'started'],
    ['somebody signed in', 'signed in'],
  ])('SR-09 browser B, %s, opens a callback of browser A → 400, no token call', async (_, b) => {
    const [mine, theirs] = [site.browser(), site.browser()];
    if (b === 'started') await theirs.consent({ person: other });
    if (b === 'signed in') await theirs.signIn(other);
    const callback = await mine.consent({ person });
    await expectsRefusal(theirs, callback, 'state_unknown');
    if (b === 'signed in') {
      expect((await session(theirs)).resourceOwner).toMatchObject({ id: other });
    } else expect((await session(theirs)).signedIn).toBe(false);
    // It has not been spoilt for the browser it belongs to.
    expect((await mine.open(callback)).url).toBe(`${site.origin}/portal`);
    expect((await session(mine)).resourceOwner).toMatchObject({ id: person });
    await expectsRefusal(theirs, callback, 'state_unknown');
  });

  it('SR-09 browser B puts its own binding in place of the one of A → 400, no token call', async () => {
    const [mine, theirs] = [site.browser(), site.browser()];
    const callback = await mine.consent({ person });
    await theirs.consent({ person: other });
    const [name] = [...mine.cookies.keys()];
    const [value] = [...theirs.cookies.values()];
    theirs.cookies.set(name!, value!);
    await expectsRefusal(theirs, callback, 'state_unknown');
    expect((await mine.send(callback)).status).toBe(303);
  });

  it("SR-09 a stranger's code behind a state of one's own → nobody becomes the stranger unseen", async () => {
    const [mine, attacker] = [site.browser(), site.browser()];
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
  /** All at once; holds one success, one exchange, and a session that works. */
  async function race(origins: string[], times: number): Promise<void> {
    const browser = site.browser();
    const callback = await browser.consent({ person });
    const before = { exchanges: exchanges(), sessions: Object.keys(await site.sessions()).length };
    const tabs = Array.from({ length: times }, (_, i) => {
      const tab = createBrowser(origins[i % origins.length]!);
      for (const [name, value] of browser.cookies) tab.cookies.set(name, value);
      return tab;
    });
    const pages = await Promise.all(tabs.map((tab) => tab.send(callback)));
    const winners = pages.flatMap(({ status }, i) => (status === 303 ? [i] : []));
    expect(pages.map(({ status }) => status).sort()).toEqual([
      ...[303, ...Array.from({ length: times - 1 }, () => 400)],
    ]);
    expect(exchanges() - before.exchanges).toBe(1);
    expect(Object.keys(await site.sessions()).length - before.sessions).toBe(1);
    const winner = tabs[winners[0]!]!;
    expect((await winner.send('/api/fullscript/clinic')).status).toBe(200);
    expect((await session(winner)).resourceOwner).toMatchObject({ id: person });
  }

  it.each([2, 20])('SR-10 one callback %i times in parallel → one token call, one success', (n) =>
    race([site.origin], n),
  );

  it('SR-10 the same at two servers on one Redis → one token call, one success', async () => {
    const [port] = await freePorts(1);
    const second = await startApp({ ...site.env, PORT: String(port) });
    try {
      const origins = [site.origin, `http://127.0.0.1:${port}`];
      await race(origins, 2);
      await race(origins, 20);
    } finally {
      await second.close();
    }
  });

  it('SR-10 opened again after success → on to the same page, no second token call', async () => {
    const browser = site.browser();
    const start = '/oauth/authorize?returnTo=/portal%3Freload';
    const callback = await browser.consent({ person, start });
    await browser.send(callback);
    const before = exchanges();
    const again = await browser.send(callback);
    expect(again).toMatchObject({ status: 303, location: '/portal?reload' });
    expect(again.headers.getSetCookie()).toEqual([]);
    expect(exchanges()).toBe(before);
    expect((await site.browser().send(callback)).status).toBe(400);
  });
});
