import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, type Page, copyOf } from '../support/browser.js';
import type { TestRedis } from '../support/redis-server.js';
import { appBehind, routesOf } from '../support/routes.js';
import {
  type App,
  behindProxy,
  openWorldWithRedis,
  PROXIED,
  type World,
} from '../support/world.js';
import { until } from '../support/until.js';

/** The statements about what answers tell browsers to allow. */

const EVIL = 'https://evil.example';
const GATEWAY = '/api/fullscript/clinic';

let world: World<TestRedis>;
let app: App;
let person: string;

beforeAll(async () => {
  world = await openWorldWithRedis();
  app = await world.start();
  person = world.simulator.people[0]!.id;
});

beforeEach(() => {
  world.simulator.faults.reset();
});

afterAll(() => world.close());

describe('SR-29', () => {
  const allowing = ({ headers }: Page) =>
    [...headers.keys()].filter((name) => name.startsWith('access-control-'));

  /** Every address of the app, and some that are nobody's. */
  async function addresses(): Promise<string[]> {
    const routes = routesOf(await appBehind(app.origin)).map(({ path }) => path);
    expect(routes).toEqual(expect.arrayContaining(['/oauth/authorize', '/oauth/callback']));
    const others = ['/assets/style.css', '/nowhere', '/api/nowhere', '/%', GATEWAY];
    return [...new Set([...routes, ...others])];
  }

  it('SR-29 any Origin at any address, preflights too → no Access-Control header', async () => {
    const browser = app.browser();
    await browser.signIn(person);
    const preflight = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-csrf-token, authorization',
      'access-control-request-private-network': 'true',
    };
    const others = ['null', app.origin, `${app.origin}.evil.example`];
    const asking: [method: string, origin: string, asked: object][] = [
      ['OPTIONS', EVIL, preflight],
      ['POST', EVIL, {}],
      ...[EVIL, ...others].map((origin): [string, string, object] => ['GET', origin, {}]),
    ];
    for (const path of await addresses()) {
      for (const [method, origin, asked] of asking) {
        const page = await browser.send(path, { method, headers: { origin, ...asked } });
        const found = { path, origin, method, allowed: allowing(page) };
        expect(found).toEqual({ path, origin, method, allowed: [] });
      }
    }
  });

  it('SR-29 what Fullscript allows to others → is not handed on', async () => {
    const browser = app.browser();
    await browser.signIn(person);
    const headers = {
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
    };
    world.simulator.faults.add({ endpoint: 'api', kind: 'status', status: 200, headers, body: {} });
    const page = await browser.send(GATEWAY, { headers: { origin: EVIL } });
    expect({ status: page.status, allowed: allowing(page) }).toEqual({ status: 200, allowed: [] });
  });
});

describe('SR-30', () => {
  /** One of every kind of answer, by name. */
  async function everyKind(browser: Browser): Promise<Record<string, Page>> {
    const { faults } = world.simulator;
    const found: Record<string, Page> = {};
    const keep = async (name: string, page: Page | Promise<Page>) => {
      found[name] = await page;
    };
    const get = (name: string, path: string, init?: RequestInit) =>
      keep(name, browser.send(path, init));

    await get('landing page', '/');
    await get('nothing here', '/nowhere');
    await get('malformed address', '/%');
    await get('folder of assets', '/assets');
    await get('asset', '/assets/style.css');
    await get('redirect as a page', '/portal', { headers: { accept: 'text/html' } });
    await get('sign-in', '/oauth/authorize');
    await get('sign-in from inside a page', '/oauth/authorize', {
      headers: { 'sec-fetch-dest': 'iframe' },
    });
    await get('callback without state', '/oauth/callback?code=a');
    const nobody = world.simulator.people.at(-1)!.id;
    await get('callback: denied', await browser.consent({ person: nobody, decision: 'deny' }));
    faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
    await get('callback: Fullscript is down', await browser.consent({ person }));
    const large = new URLSearchParams({ x: 'x'.repeat(20_000) });
    await get('form too large', '/sign-out', { method: 'POST', body: large });
    await get('health', '/livez');
    await get('metrics', '/metrics');
    await get('problem', '/api/nowhere');

    await keep('portal', browser.signIn(person));
    await get('session', '/api/session');
    await get('account', '/portal/account');
    await get('activity', '/api/activity');
    await keep('other sessions ended', browser.post('/sign-out/others'));
    faults.add({ endpoint: 'api', kind: 'status', status: 504 });
    await get('Fullscript does not answer in time', GATEWAY);
    faults.reset();
    await get('no token', '/sign-out', { method: 'POST' });
    await get('preflight', '/sign-out', { method: 'OPTIONS' });
    await get('gateway', GATEWAY);
    const html = '<script>alert(1)</script>';
    faults.add({ endpoint: 'api', kind: 'status', status: 200, body: html, times: 1 });
    await get('page of Fullscript through the gateway', GATEWAY);
    world.simulator.expireAccessTokens();
    faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
    await get('refresh failed', '/portal');
    await keep('refreshed', browser.post('/oauth/refresh'));
    world.simulator.revokeAuthorization(person);
    await get('needs reconnect', '/portal');
    await browser.signIn(person);
    await keep('disconnect', browser.post('/oauth/disconnect'));
    await get('disconnected', '/portal?disconnected=yes');
    await keep('grant cannot be opened', withBrokenGrant(browser));
    await keep('Redis away', withoutRedis(browser));
    return found;
  }

  /** A stored grant that cannot be opened. */
  async function withBrokenGrant(browser: Browser): Promise<Page> {
    await browser.signIn(person);
    for (const key of await world.stored.keys('fc:1:grant:*'))
      await world.stored.hset(key, 'v', 'x');
    return copyOf(browser, browser.origin).send('/portal', { headers: PROXIED });
  }

  async function withoutRedis(browser: Browser): Promise<Page> {
    world.redis.pause();
    try {
      return await browser.send('/oauth/authorize');
    } finally {
      world.redis.resume();
      await until(async () => (await browser.send('/readyz')).status === 200);
    }
  }

  /** What a page may do here, and who may hold it. */
  const guarded = ({ headers }: Page) => ({
    framed: headers.get('content-security-policy')?.includes("frame-ancestors 'none'"),
    fromElsewhere: headers.get('content-security-policy')?.includes("default-src 'none'"),
    sniffed: headers.get('x-content-type-options'),
    opener: headers.get('cross-origin-opener-policy'),
  });
  const GUARDED = {
    ...{ framed: true, fromElsewhere: true },
    ...{ sniffed: 'nosniff', opener: 'same-origin' },
  };

  const STATUSES = [200, 303, 400, 401, 403, 404, 413, 500, 502, 503, 504];

  it.each(['http', 'https'])(
    'SR-30 %s: every answer, each error page too → CSP with frame-ancestors, nosniff, COOP; HSTS with https only',
    async (scheme) => {
      const secure = scheme === 'https';
      const server = secure ? await world.start(behindProxy) : app;
      const pages = await everyKind(server.browser(secure ? PROXIED : {}));
      for (const [name, page] of Object.entries(pages)) {
        expect({ name, ...guarded(page) }).toEqual({ name, ...GUARDED });
        const hsts = page.headers.get('strict-transport-security');
        expect({ name, hsts }).toEqual({ name, hsts: secure ? 'max-age=63072000' : null });
      }
      const statuses = new Set(Object.values(pages).map(({ status }) => status));
      expect([...statuses].sort()).toEqual(STATUSES);
      const isPage = (page: Page) => page.headers.get('content-type')?.startsWith('text/html');
      expect(Object.values(pages).filter(isPage).length).toBeGreaterThanOrEqual(15);
      // What comes from there must not act as a page of ours.
      const gateway = pages['page of Fullscript through the gateway']!;
      expect(gateway.headers.get('content-security-policy')).toContain('sandbox');
    },
  );
});
