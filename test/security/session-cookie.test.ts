import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sign } from 'cookie-signature';
import { sessionHash, sessionKey } from '../support/keys.js';
import { SECRETS } from '../support/app.js';
import { type Browser, copyOf, sessionIdOf, sessionOf } from '../support/browser.js';
import { type App, behindProxy, openWorld, PROXIED, type World } from '../support/world.js';

/** The statements about the cookie that carries a session, and about the id in it. */

let world: World;
let app: App;
let browser: Browser;
let person: string;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
  person = world.simulator.people[0]!.id;
});

beforeEach(() => {
  world.simulator.faults.reset();
  browser = app.browser();
});

afterAll(() => world.close());

const COOKIE = 'fc_session';

const keyOf = (who: Browser) => sessionKey(sessionHash(sessionIdOf(who)));
const signedCookie = (sid: string, secret: string) => encodeURIComponent(`s:${sign(sid, secret)}`);

describe('SR-19', () => {
  /** What may be longest in the cookie is whoever signs in; Fullscript's ids end at 255 characters. */
  function nextOwnerHasTheLongestId(): void {
    const owner = { id: `${'\u{1F33F}'.repeat(127)}x`, type: 'Practitioner' };
    world.simulator.faults.add({ endpoint: 'token', kind: 'change_owner', owner, times: 1 });
  }

  /** Signs in; answers the line that sets the session cookie. */
  async function sessionCookieLine(visitor: Browser): Promise<string> {
    const answer = await visitor.send(await visitor.consent({ person }));
    expect(answer.status).toBe(303);
    const lines = answer.headers.getSetCookie().filter((line) => line.includes(COOKIE));
    expect(lines).toHaveLength(1);
    return lines[0]!;
  }

  const attributesOf = (line: string) =>
    line
      .split('; ')
      .slice(1)
      .filter((part) => !/^(Expires|Max-Age)=/i.test(part))
      .sort();

  it('SR-19 https → __Host-, Secure, HttpOnly, Path=/, SameSite=Lax, no Domain, below 4096 bytes', async () => {
    const proxied = await world.start(behindProxy);
    nextOwnerHasTheLongestId();
    const visitor = proxied.browser(PROXIED);
    const line = await sessionCookieLine(visitor);
    expect(line).toMatch(/^__Host-fc_session=/);
    expect(attributesOf(line)).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']);
    expect(Buffer.byteLength(line)).toBeLessThan(4096);
    expect((await sessionOf(visitor)).resourceOwner?.id).toHaveLength(255);
  });

  it('SR-19 https → the cookie of a sign-in under way is as well kept', async () => {
    const proxied = await world.start(behindProxy);
    const { headers } = await proxied.browser(PROXIED).send('/oauth/authorize');
    const [line, ...others] = headers.getSetCookie();
    expect(line).toMatch(/^__Host-fc_auth_[\w-]+=/);
    expect(attributesOf(line!)).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']);
    expect(others).toEqual([]);
  });

  it('SR-19 http on this machine → the same without the prefix and Secure', async () => {
    nextOwnerHasTheLongestId();
    const line = await sessionCookieLine(browser);
    expect(line).toMatch(/^fc_session=/);
    expect(attributesOf(line)).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax']);
    expect(Buffer.byteLength(line)).toBeLessThan(4096);
    expect((await sessionOf(browser)).resourceOwner?.id).toHaveLength(255);
  });
});

describe('SR-21', () => {
  it.each([
    ['the same user', 0],
    ['another user', 1],
  ])('SR-21 signed in again as %s → a new id, and the old one is dead', async (_who, next) => {
    await browser.signIn(person);
    const old = copyOf(browser, app.origin);
    const oldKey = keyOf(browser);
    expect(await world.stored.exists(oldKey)).toBe(1);
    await browser.signIn(world.simulator.people[next]!.id);
    expect(sessionIdOf(browser)).not.toBe(sessionIdOf(old));
    expect(await world.stored.exists(oldKey)).toBe(0);
    expect(await sessionOf(old)).toEqual({ signedIn: false });
    expect((await old.send('/api/fullscript/clinic')).status).toBe(401);
    const { resourceOwner } = await sessionOf(browser);
    expect(resourceOwner?.id).toBe(world.simulator.people[next]!.id);
  });

  it('SR-21 the first sign-in → an id nobody had before it', async () => {
    await browser.send('/');
    const callback = await browser.consent({ person });
    expect(browser.cookies.has(COOKIE)).toBe(false);
    await browser.send(callback);
    expect(await world.stored.exists(keyOf(browser))).toBe(1);
  });
});

describe('SR-22', () => {
  const sid = 'planted-planted-planted-planted-planted-123';
  const secret = SECRETS.SESSION_SECRET;

  it.each([
    ['unsigned', sid],
    ['unsigned, with the mark of a signed one', encodeURIComponent(`s:${sid}`)],
    ['signed with another secret', signedCookie(sid, 'x'.repeat(43))],
    ['signed, and cut short', signedCookie(sid, secret).slice(0, -1)],
    ['signed with our secret, and unknown', signedCookie(sid, secret)],
  ])('SR-22 a planted id, %s → never adopted', async (_what, value) => {
    browser.cookies.set(COOKIE, value);
    const planted = sessionKey(sessionHash(sid));
    for (const path of ['/', '/portal', '/api/session', '/oauth/authorize']) {
      await browser.send(path);
      expect(await world.stored.exists(planted)).toBe(0);
    }
    expect(browser.cookies.get(COOKIE)).toBe(value);
    expect(await sessionOf(browser)).toEqual({ signedIn: false });
    await browser.signIn(person);
    expect(sessionIdOf(browser)).not.toBe(sid);
    expect(await world.stored.exists(planted)).toBe(0);
    const planter = app.browser();
    planter.cookies.set(COOKIE, value);
    expect(await sessionOf(planter)).toEqual({ signedIn: false });
    expect(await sessionOf(browser)).toMatchObject({ signedIn: true });
  });
});
