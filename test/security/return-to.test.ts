import { readFileSync, readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { authorizationOf } from '../support/requests.js';
import { type App, type World, openWorld } from '../support/world.js';

/** Where people are led. */

let world: World;
let app: App;
let person: string;
let signedIn: Browser;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
  person = world.simulator.people[0]!.id;
  signedIn = app.browser();
  await signedIn.signIn(person);
});

afterEach(() => world.simulator.faults.reset());
afterAll(() => world.close());

const one = (value: string) => `returnTo=${encodeURIComponent(value)}`;

describe('SR-16', () => {
  // `parseReturnTo` has properties of its own for every spelling; here is one of each kind, over HTTP.
  const REFUSED: [string, string][] = [
    ['two slashes', one('//evil.example')],
    ['slash and backslash', one('/\\evil.example')],
    ['two slashes after decoding twice', one('/%252f%252fevil.example')],
    ['a tab', one('/\t/evil.example')],
    ['a header of its own', one('/portal\r\nSet-Cookie: a=b')],
    ['a header of its own after decoding', one('/portal%0d%0aSet-Cookie:%20a=b')],
    ['a whole URL', one('https://evil.example/')],
    ['script', one('javascript:alert(1)')],
    ['up to two slashes', one('/portal/%2e%2e//evil.example')],
    ['no slash at all', one('evil.example')],
    ['nothing', 'returnTo='],
    ['an array', 'returnTo=/portal%3Fa&returnTo=/portal%3Fb'],
    ['an array of one', 'returnTo[]=/portal%3Fa'],
    ['half an escape', 'returnTo=/portal%'],
    ['2 000 characters', one(`/${'x'.repeat(2_000)}`)],
    ['a path that becomes too long', one(`/${'я'.repeat(300)}`)],
  ];

  it.each(REFUSED)('SR-16 returnTo is %s → everything ends in the portal', async (_name, query) => {
    const browser = app.browser();
    const callback = await browser.consent({ person, start: `/oauth/authorize?${query}` });
    const page = await browser.send(callback);
    expect(page).toMatchObject({ status: 303, location: '/portal' });
    expect(page.headers.get('set-cookie')).not.toContain('a=b');
    // The other two places that take it.
    expect((await signedIn.send(`/?${query}`)).location).toBe('/portal');
    const fields = Object.fromEntries(new URLSearchParams(query));
    expect((await signedIn.post('/oauth/refresh', fields)).location).toMatch(/^\/portal(\?[ab])?$/);
    // And what the page for strangers makes of it.
    const landing = await browser.send(`/oauth/authorize?${query}`, {
      headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
    });
    expect(landing.location).toBe('/?returnTo=%2Fportal');
  });

  it.each([
    ['/portal?tab=2&q=a%20b#row', '/portal?tab=2&q=a%20b#row'],
    ['/portal?next=//evil.example', '/portal?next=//evil.example'],
    ['/@evil.example', '/@evil.example'],
    ['/a/../portal', '/portal'],
    ['/é', '/%C3%A9'],
    // The query cannot lead elsewhere, whatever it holds.
    ['/portal?q=%5C', '/portal?q=%5C'],
    ['/portal?q=a%0Ab', '/portal?q=a%0Ab'],
    ['/portal?q=%E9', '/portal?q=%E9'],
    ['/portal?q=100%', '/portal?q=100%25'],
    ['/portal?q=%252F%25252F', '/portal?q=%252F%25252F'],
    ['/portal?q=\\', '/portal?q=%5C'],
    // Judged by what becomes of it.
    [`/portal?q=${'я'.repeat(150)}`, `/portal?q=${'%D1%8F'.repeat(150)}`],
    [`/portal/patients?search=${'я'.repeat(510)}`, '/portal/patients'],
    [`/portal?q=${'x'.repeat(1_015)}`, '/portal'],
    ['/', '/'],
  ])('SR-16 returnTo is %s → there, on our origin', async (value, expected) => {
    const browser = app.browser();
    const start = `/oauth/authorize?${one(value)}`;
    const page = await browser.send(await browser.consent({ person, start }));
    expect(page).toMatchObject({ status: 303, location: expected });
    expect(new URL(page.location!, app.origin).origin).toBe(app.origin);
  });

  it('SR-16 a long page without a session → the start has a Location that proxies take', async () => {
    const long = `/portal/patients?search=${'%D1%8F'.repeat(510)}`;
    const { location } = await app.browser().send(long);
    expect(location).toBe('/oauth/authorize?returnTo=%2Fportal%2Fpatients');
    const whole = `/portal/patients?search=${'%D1%8F'.repeat(160)}`;
    expect((await app.browser().send(whole)).location!.length).toBeLessThan(2_048);
  });

  it('SR-16 starting again, or a link on another site → the page that was wanted, and with which application', async () => {
    const query = 'returnTo=%2Fportal%2Fteam&registration=us-sandbox';
    const browser = app.browser();
    const start = `/oauth/authorize?${query}`;
    const callback = await browser.consent({ person, start });
    const refused = await browser.send(callback.replace('code=', 'code=x'));
    const again = /href="(\/\?[^"]*)"/.exec(refused.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const wanted = (path: string) => Object.fromEntries(new URL(path, app.origin).searchParams);
    expect(wanted(again)).toEqual({ returnTo: '/portal/team', registration: 'us-sandbox' });
    const foreign = await browser.send(start, {
      headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
    });
    expect(wanted(foreign.location!)).toEqual(wanted(again));
  });

  it('SR-16 a local path → kept with the state, in no URL on the way, and not in clear', async () => {
    const browser = app.browser();
    const known = new Set(await world.pending());
    const start = '/oauth/authorize?returnTo=/portal%3FMARKED';
    const { location } = await browser.send(start);
    expect([...authorizationOf(location).keys()].sort()).toEqual([
      'client_id',
      'redirect_uri',
      'response_type',
      'state',
    ]);
    expect(location).not.toContain('MARKED');
    const [key] = (await world.pending()).filter((one) => !known.has(one));
    expect(await world.stored.get(key!)).not.toContain('MARKED');
    const callback = await browser.consent({ person, start });
    expect(callback).not.toContain('MARKED');
    // What the callback's own address asks for is not listened to.
    const page = await browser.send(`${callback}&returnTo=/portal%3Fother`);
    expect(page.location).toBe('/portal?MARKED');
  });
});

describe('SR-17', () => {
  const src = new URL('../../src/', import.meta.url);
  const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('simulator'))
    .map((path) => ({ path, text: readFileSync(new URL(path, src), 'utf8') }));
  const posts = sources
    .flatMap(({ text }) => [...text.matchAll(/\.post\(\s*['"`](\/[^'"`]*)['"`]/g)])
    .map(([, path]) => path!.replaceAll(/:\w+/g, 'x'));

  it('SR-17 the sweep knows the routes', () => {
    expect(posts).toEqual(
      expect.arrayContaining([
        ...['/sign-out', '/sign-out/everywhere', '/oauth/disconnect', '/oauth/refresh'],
      ]),
    );
  });

  it.each(posts)('SR-17 POST %s → redirects with 303 or not at all', async (path) => {
    for (const isSignedIn of [true, false]) {
      const browser = app.browser();
      if (isSignedIn) await browser.signIn(person);
      const { status, location } = await browser.post(path, { returnTo: '/portal?x' });
      if (location !== null) expect(status).toBe(303);
      else expect(status < 300 || status >= 400).toBe(true);
      if (isSignedIn && path === '/oauth/refresh') expect(location).toBe('/portal?x');
    }
  });

  it.each([302, 307])(
    'SR-17 a POST through the gateway that Fullscript answers with %i → no redirect at all',
    async (status) => {
      // The one above has been signed out everywhere by now.
      const browser = app.browser();
      await browser.signIn(person);
      const headers = { location: 'https://evil.example/' };
      world.simulator.faults.add({ endpoint: 'api', kind: 'status', status, headers });
      const answer = await browser.send('/api/fullscript/clinic/patients', {
        method: 'POST',
        headers: { 'x-csrf-token': await browser.csrfToken() },
        body: '{}',
      });
      expect(answer).toMatchObject({ status: 502, location: null });
    },
  );

  it('SR-17 the sources → no redirect with another status', () => {
    const redirects = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/\.redirect\(\s*([^,)]*)/g)].map(([, first]) => ({ path, first })),
    );
    expect(redirects.length).toBeGreaterThan(5);
    expect(redirects.filter(({ first }) => first !== '303')).toEqual([]);
    // Metrics name every status that can be counted, and answer nothing.
    const answering = sources.filter(({ path }) => !path.startsWith('metrics/'));
    const others = answering.filter(({ text }) => /\b30[1278]\b|set\('location'/i.test(text));
    expect(others.map(({ path }) => path)).toEqual([]);
  });
});
