import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, callbackWith } from '../support/browser.js';
import { type App, type World, openWorld } from '../support/world.js';

/** The SameSite attribute of the session cookie, in both positions of its switch. */

const SESSION = 'fc_session';
/** What a browser says of a page opened from another site, and of the redirects behind it. */
const FROM_ELSEWHERE = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' };
const FROM_HERE = { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'document' };

let world: World;
let lax: App;
let strict: App;

beforeAll(async () => {
  world = await openWorld();
  lax = await world.start();
  strict = await world.start({ SESSION_SAMESITE: 'strict' });
});

afterAll(() => world.close());

/** As a browser does it with a Strict cookie: from elsewhere it stays at home. */
function arrive(browser: Browser, path: string) {
  const cookies = [...browser.cookies].filter(([name]) => name !== SESSION);
  const cookie = cookies.map(([name, value]) => `${name}=${value}`).join('; ');
  return browser.send(path, { headers: { ...FROM_ELSEWHERE, cookie } });
}

const fromHere = (browser: Browser, path: string) => browser.send(path, { headers: FROM_HERE });

/** Where a page leads by itself. */
const leadsTo = (html: string) =>
  /<meta http-equiv="refresh" content="0;url=([^"]*)">/.exec(html)?.[1];

const cookieLine = (headers: Headers, name: string) =>
  headers.getSetCookie().find((line) => line.startsWith(name)) ?? '';

async function signIn(browser: Browser) {
  return arrive(browser, await callbackWith(browser, world.simulator));
}

describe('SR-20 the switch', () => {
  it('SR-20 left alone → the session cookie is Lax, and an arrival from elsewhere is served', async () => {
    const browser = lax.browser();
    const path = await callbackWith(browser, world.simulator);
    const answer = await browser.send(path, { headers: FROM_ELSEWHERE });
    expect(cookieLine(answer.headers, SESSION)).toContain('; SameSite=Lax');
    const portal = await browser.send('/portal', { headers: FROM_ELSEWHERE });
    expect(leadsTo(portal.text)).toBeUndefined();
    expect(portal.text).toContain('Sign out');
  });

  it('SR-20 strict → the session cookie is Strict, and taken back as such', async () => {
    const browser = strict.browser();
    const { headers } = await signIn(browser);
    expect(cookieLine(headers, SESSION)).toMatch(/; HttpOnly; SameSite=Strict$/);
    const out = await browser.post('/sign-out');
    expect(cookieLine(out.headers, SESSION)).toContain('; SameSite=Strict');
    expect(browser.cookies.has(SESSION)).toBe(false);
  });
});

describe('SR-20 strict, and the flow works', () => {
  it('SR-20 the callback needs its own Lax cookie and no session', async () => {
    const browser = strict.browser();
    const started = await browser.send('/oauth/authorize');
    const binding = started.headers.getSetCookie().join('\n');
    expect(binding).toMatch(/^fc_auth_[^;]+; Max-Age=3600; .*HttpOnly; SameSite=Lax$/);
    const answer = await signIn(browser);
    expect(answer).toMatchObject({ status: 303, location: '/portal' });
  });

  it('SR-20 the binding cookie opens nothing', async () => {
    const browser = strict.browser();
    await callbackWith(browser, world.simulator);
    expect([...browser.cookies.keys()].every((name) => name.startsWith('fc_auth_'))).toBe(true);
    expect(await browser.json('/api/session')).toEqual({ signedIn: false });
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(401);
    expect((await browser.send('/portal')).status).toBe(303);
  });

  it('SR-20 the landing behind the redirect → a page of ours that leads there, with the cookie', async () => {
    const browser = strict.browser();
    await signIn(browser);
    const landing = await arrive(browser, '/portal?a=1&b=%22');
    expect(landing.status).toBe(200);
    expect(leadsTo(landing.text)).toBe('/portal?a=1&amp;b=%22');
    expect(landing.text).not.toContain('Sign out');
    expect(landing.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await fromHere(browser, '/portal?a=1&b=%22')).text).toContain('Sign out');
  });

  it('SR-20 signed in again, the cookie left at home → the old session is dead all the same', async () => {
    const browser = strict.browser();
    await signIn(browser);
    const old = browser.cookies.get(SESSION)!;
    await signIn(browser);
    expect(browser.cookies.get(SESSION)).not.toBe(old);
    const copied = strict.browser();
    copied.cookies.set(SESSION, old);
    expect(await copied.json('/api/session')).toEqual({ signedIn: false });
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
  });

  it('SR-20 a failed sign-in leaves the session that it was started in', async () => {
    const browser = strict.browser();
    await signIn(browser);
    const path = await browser.consent({
      person: world.simulator.people[1]!.id,
      decision: 'deny',
    });
    expect((await arrive(browser, path)).status).toBe(403);
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
  });
});

describe('SR-20 strict, and links from other sites', () => {
  it('SR-20 to a page, signed out → asks first; nothing is started', async () => {
    const browser = strict.browser();
    const before = await world.pending();
    const arrived = await arrive(browser, '/portal');
    expect(leadsTo(arrived.text)).toBe('/portal');
    const asked = await fromHere(browser, '/portal');
    expect(asked).toMatchObject({ status: 303, location: '/?returnTo=%2Fportal' });
    expect(await world.pending()).toEqual(before);
  });

  it('SR-20 to the start of a sign-in → still known as foreign', async () => {
    const browser = strict.browser();
    const before = await world.pending();
    const answer = await arrive(browser, '/oauth/authorize');
    expect(answer).toMatchObject({ status: 303, location: '/?returnTo=%2Fportal' });
    expect(await world.pending()).toEqual(before);
  });

  it.each(['//evil.test/x', '/\\evil.test/x', '///evil.test'])(
    'SR-20 to %s, which browsers take for another host → leads nowhere',
    async (path) => {
      const { status, text } = await strict.browser().sendRaw(path, FROM_ELSEWHERE);
      expect(status).toBe(404);
      expect(text).not.toContain('http-equiv');
    },
  );

  it.each(['/api/session', '/api/fullscript/clinic', '/oauth/callback?state=x&code=y', '/livez'])(
    'SR-20 to %s, which is no page → answered as always',
    async (path) => {
      const { text } = await arrive(strict.browser(), path);
      expect(leadsTo(text)).toBeUndefined();
    },
  );
});
