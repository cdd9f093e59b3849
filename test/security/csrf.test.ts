import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createCsrf } from '../../src/http/csrf.js';
import type { SignedIn } from '../../src/http/signed-in.js';
import { type Browser, sessionOf } from '../support/browser.js';
import { type RouteEntry, appBehind, routesOf } from '../support/routes.js';
import { type App, type World, openWorld } from '../support/world.js';

/** The statement about requests that other sites make through a signed-in browser. */

const EVIL = 'https://evil.example';
const GATEWAY = '/api/fullscript/clinic/patients';
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

let world: World;
let app: App;
let routes: RouteEntry[];
let browser: Browser;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
  const gateway = { path: GATEWAY, methods: ['*'] };
  routes = [...routesOf(await appBehind(app.origin)), gateway];
});

beforeEach(async () => {
  browser = app.browser();
  await browser.signIn(world.simulator.people[0]!.id);
});

afterAll(() => world.close());

/** Whatever in this app may change something: method and path, as the app itself has them. */
function stateChanging(): [method: string, path: string][] {
  return routes.flatMap(({ path, methods }) => {
    const all = methods.includes('*') ? ['POST', 'PUT', 'PATCH', 'DELETE'] : methods;
    return all.filter((method) => !READS.has(method)).map((method) => [method, path] as const);
  }) as [string, string][];
}

/** All that such a request could change: what is stored, and what Fullscript was asked. */
async function state(): Promise<unknown> {
  const kinds = ['session:*', 'user-sessions:*', 'grant:*', 'queue:{revocations}:*-*-*-*-*'];
  const found = await Promise.all(kinds.map((kind) => world.stored.keys(`fc:1:${kind}`)));
  const keys = found.flat().sort();
  const records = await Promise.all(keys.map((key) => world.stored.dumpBuffer(key)));
  return {
    stored: keys.map((key, at) => [key, records[at]!.toString('base64')]),
    calls: world.simulator.requests.length,
    session: await sessionOf(browser),
  };
}

interface Attack {
  headers: Record<string, string>;
  query?: string;
  body?: string | URLSearchParams;
}

/** Where everything is tried: a form, and the gateway, which is answered ahead of Express's routes. */
const ALL_ATTACKS = new Set(['POST /oauth/disconnect', `POST ${GATEWAY}`]);
/** What is tried at every route. */
const ANYWHERE = new Set(['no token', 'a foreign Origin', 'Sec-Fetch-Site: cross-site']);

/** Ways to do it wrong; the last ones have the token, and come from elsewhere. */
async function attacks(): Promise<Record<string, Attack>> {
  const other = app.browser();
  await other.signIn(world.simulator.people[1]!.id);
  const [token, foreign] = [await browser.csrfToken(), await other.csrfToken()];
  const right = { 'x-csrf-token': token };
  const json = { 'content-type': 'application/json' };
  return {
    'no token': { headers: {} },
    'an empty token': { headers: { 'x-csrf-token': '' } },
    'a wrong token': {
      headers: { 'x-csrf-token': token.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')) },
    },
    "another user's token": { headers: { 'x-csrf-token': foreign } },
    "another user's token in the form": {
      headers: {},
      body: new URLSearchParams({ _csrf: foreign }),
    },
    'the token twice in the form': { headers: {}, body: `_csrf=${token}&_csrf=${token}` },
    'the token in the address': { headers: {}, query: `?_csrf=${token}&x-csrf-token=${token}` },
    'the token in a body that is no form': {
      headers: { 'content-type': 'text/plain' },
      body: JSON.stringify({ _csrf: token }),
    },
    'the token in JSON': { headers: json, body: JSON.stringify({ _csrf: token }) },
    'a foreign Origin': { headers: { ...right, origin: EVIL } },
    'an Origin that looks like ours': {
      headers: { ...right, origin: `${app.origin}.evil.example` },
    },
    'another scheme': { headers: { ...right, origin: app.origin.replace('http:', 'https:') } },
    'an Origin that says nothing, and no token': { headers: { origin: 'null' } },
    'an Origin that says nothing, of another site': {
      headers: { ...right, origin: 'null', 'sec-fetch-site': 'cross-site' },
    },
    'Sec-Fetch-Site: cross-site': { headers: { ...right, 'sec-fetch-site': 'cross-site' } },
    'both of another site': {
      headers: { ...right, origin: EVIL, 'sec-fetch-site': 'cross-site' },
      body: new URLSearchParams({ _csrf: token }),
    },
  };
}

describe('SR-28', () => {
  it('SR-28 every route that changes something → 403 without the token or from elsewhere, and nothing changed', async () => {
    const paths = stateChanging().map(([method, path]) => `${method} ${path}`);
    // Known ones, so that an empty list cannot pass.
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['POST /sign-out', 'POST /sign-out/everywhere', 'POST /oauth/disconnect'],
        ...['POST /oauth/refresh', `POST ${GATEWAY}`, `DELETE ${GATEWAY}`, `PATCH ${GATEWAY}`],
      ]),
    );
    expect(paths).toEqual(expect.arrayContaining([...ALL_ATTACKS]));
    const wrong = Object.entries(await attacks());
    const before = await state();
    for (const [method, path] of stateChanging()) {
      const all = ALL_ATTACKS.has(`${method} ${path}`);
      const tried = wrong.filter(([what]) => all || ANYWHERE.has(what));
      for (const [what, { headers, query = '', body }] of tried) {
        const init = { method, headers, ...(body === undefined ? {} : { body }) };
        const { status } = await browser.send(`${path}${query}`, init);
        expect({ method, path, what, status }).toEqual({ method, path, what, status: 403 });
      }
      expect({ path, state: await state() }).toEqual({ path, state: before });
    }
  });

  it('SR-28 GET and HEAD, also with the token → change nothing; where only POST lives, 404', async () => {
    const headers = { 'x-csrf-token': await browser.csrfToken() };
    await browser.send('/api/fullscript/clinic');
    const writing = new Set(stateChanging().map(([, path]) => path));
    for (const { path, methods } of routes) {
      const { stored } = (await state()) as { stored: unknown };
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        const { status } = await browser.send(path, { method, headers });
        const onlyWrites = writing.has(path) && !methods.some((one) => ['*', 'GET'].includes(one));
        if (onlyWrites && method !== 'OPTIONS')
          expect({ method, path, status }).toEqual({ method, path, status: 404 });
      }
      expect({ path, ...((await state()) as object) }).toMatchObject({ path, stored });
    }
    expect(await sessionOf(browser)).toMatchObject({ signedIn: true, status: 'active' });
    const revoked = world.simulator.requests.filter((call) => call.path.endsWith('/oauth/revoke'));
    expect(revoked).toEqual([]);
  });

  it('SR-28 with the token, from our own pages → carried out', async () => {
    const headers = { origin: app.origin, 'sec-fetch-site': 'same-origin' };
    const body = () => browser.csrfToken().then((token) => new URLSearchParams({ _csrf: token }));
    const post = async (path: string) =>
      (await browser.send(path, { method: 'POST', headers, body: await body() })).status;
    expect(await post('/oauth/disconnect')).toBe(303);
    expect(await sessionOf(browser)).toMatchObject({ status: 'needs_reconnect' });
    expect(await post('/sign-out')).toBe(303);
    expect(await sessionOf(browser)).toEqual({ signedIn: false });
  });

  const PERIOD = 12 * 3_600_000;
  const typed = '"><script>alert(1)</script>';

  /** What the server would have given the user so many periods ago. */
  const tokenOfPeriod = (ago: number) => {
    const csrf = createCsrf({
      ...{ secrets: [app.env['SESSION_SECRET']!], baseUrl: app.origin },
      now: () => Date.now() - ago * PERIOD,
    });
    const { id, type } = world.simulator.people[0]!;
    return csrf.tokenOf({ key: { registration: 'us-sandbox', owner: { id, type } } } as SignedIn);
  };

  const submit = (token: string, headers: Record<string, string>) =>
    browser.send('/oauth/refresh?x=1', {
      ...{ method: 'POST', headers },
      body: new URLSearchParams([
        ['_csrf', token],
        ['returnTo', typed],
        ['many', 'a'],
        ['many', 'b'],
      ]),
    });

  it.each<[string, number, () => Record<string, string>]>([
    ['our Origin and a token of last year', 700, () => ({ origin: app.origin })],
    ['no Origin, but a page of ours', 700, () => ({ 'sec-fetch-site': 'same-origin' })],
    ['no Origin and a token that is a period too old', 2, () => ({})],
    ['Origin null and a token that is a period too old', 2, () => ({ origin: 'null' })],
    ['no Origin and a token of a clock that is far ahead', -2, () => ({})],
  ])('SR-28 %s → 403, and the form once more with what was typed', async (_what, ago, headers) => {
    const before = await state();
    const page = await submit(tokenOfPeriod(ago), headers());
    expect(page.status).toBe(403);
    expect(await state()).toEqual(before);
    const [, form = ''] =
      /<form method="post" action="\/oauth\/refresh\?x=1">([^]*?)<\/form>/.exec(page.text) ?? [];
    const fields = [...form.matchAll(/name="([^"]*)" value="([^"]*)"/g)];
    expect(fields.map(([, name, value]) => [name, value])).toEqual([
      ['_csrf', await browser.csrfToken()],
      ['returnTo', '&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;'],
      ['many', 'a'],
      ['many', 'b'],
    ]);
  });

  it.each<[string, () => string, () => Record<string, string>]>([
    ['a foreign Origin', () => tokenOfPeriod(2), () => ({ origin: EVIL })],
    ['another site', () => tokenOfPeriod(2), () => ({ 'sec-fetch-site': 'cross-site' })],
    ['no Origin and no token of ours', () => 'x', () => ({})],
    ['no Origin and a token of last year', () => tokenOfPeriod(700), () => ({})],
    ['Origin null and no token of ours', () => 'x', () => ({ origin: 'null' })],
  ])('SR-28 %s → 403 without the form and what was in it', async (_what, token, headers) => {
    const page = await submit(token(), headers());
    expect(page.status).toBe(403);
    expect(page.text).not.toMatch(/alert\(1\)|name="many"|Send it again/);
  });

  it('SR-28 a path that is another host to browsers, and the API → no form', async () => {
    const body = new URLSearchParams({ many: 'a' });
    const headers = { 'sec-fetch-site': 'same-origin', origin: app.origin };
    for (const path of [`${app.origin}//evil.example/x`, '/api/fullscript/clinic/patients']) {
      const page = await browser.send(path, { method: 'POST', headers, body });
      expect(page.status).toBe(403);
      expect(page.text).not.toContain('name="many"');
    }
  });
});
