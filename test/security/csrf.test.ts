import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
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
    'an Origin that says nothing': { headers: { ...right, origin: 'null' } },
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
});
