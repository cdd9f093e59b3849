import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Simulator } from '../../src/simulator/simulator.js';
import { approve } from '../simulator/drive.js';
import { type Browser, copyOf } from '../support/browser.js';
import { everythingIn } from '../support/everything-stored.js';
import type { TestRedis } from '../support/redis-server.js';
import { ask } from '../support/requests.js';
import { scrape } from '../support/scrape.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

interface SessionAnswer {
  signedIn: boolean;
  registration?: string;
  resourceOwner?: { id: string; type: string };
  scope?: string[];
  expiresAt?: string | null;
  status?: string;
  csrfToken?: string;
}
interface Problem {
  status: number;
  code: string;
  title: string;
  requestId: string;
}

let world: World<TestRedis>;
let simulator: Simulator;
let app: App;
let browser: Browser;
let practitioner: string;
let staff: string;

beforeAll(async () => {
  world = await openWorldWithRedis();
  ({ simulator } = world);
  app = await world.start();
  practitioner = simulator.people.find(({ type }) => type === 'Practitioner')!.id;
  staff = simulator.people.find(({ type }) => type === 'Staff')!.id;
});

afterAll(() => world.close());

beforeEach(() => {
  browser = app.browser();
  simulator.faults.reset();
});

const session = (who = browser) => who.json<SessionAnswer>('/api/session');
const problemOf = (text: string) => JSON.parse(text) as Problem;

describe('sign-in', () => {
  it('leads from the landing page through consent to the portal', async () => {
    const landing = await browser.open('/');
    expect(landing.text).toContain('Connect my Fullscript account');
    const portal = await browser.signIn(practitioner);
    expect(portal).toMatchObject({ status: 200, url: `${app.origin}/portal` });
    const { name, clinicName } = simulator.people.find(({ id }) => id === practitioner)!;
    for (const shown of [name, clinicName, 'Practitioner', 'clinic:read']) {
      expect(portal.text).toContain(shown);
    }
    expect(await browser.send('/')).toMatchObject({ status: 303, location: '/portal' });
  });

  it('as Staff shows the member of staff', async () => {
    const portal = await browser.signIn(staff);
    expect(portal.text).toContain(simulator.people.find(({ id }) => id === staff)!.name);
    expect((await session()).resourceOwner).toEqual({ id: staff, type: 'Staff' });
  });

  it('returns to the page that asked for it', async () => {
    expect(await browser.send('/portal?tab=2')).toMatchObject({
      status: 303,
      location: '/oauth/authorize?returnTo=%2Fportal%3Ftab%3D2',
    });
    const page = await browser.signIn(practitioner, '/oauth/authorize?returnTo=/portal%3Ftab%3D2');
    expect(page.url).toBe(`${app.origin}/portal?tab=2`);
  });

  it('for a registration that is not set up → 404', async () => {
    const page = await browser.send('/oauth/authorize?registration=ca-production');
    expect(page.status).toBe(404);
    expect(page.text).toContain('This country is not set up here');
  });
});

describe('after the end of a session', () => {
  const MARK = 'fc_signed_out';
  const asPage = { headers: { 'sec-fetch-dest': 'document', 'sec-fetch-site': 'same-origin' } };

  it('signed out → more cookies change than a sign-in sets, so that no kept page is shown', async () => {
    await browser.signIn(practitioner);
    await browser.post('/sign-out');
    const start = await browser.send('/oauth/authorize');
    const back = new URL(await approve({ authorizeUrl: start.location!, person: practitioner }));
    const callback = await browser.send(`${back.pathname}${back.search}`);
    const set = [start, callback].flatMap(({ headers }) => headers.getSetCookie());
    expect(set).toHaveLength(5);
    const lines = (await browser.post('/sign-out')).headers.getSetCookie();
    const values = lines.filter((line) => line.startsWith(MARK)).map((line) => line.split(';')[0]);
    expect(new Set(values).size).toBeGreaterThan(set.length);
  });

  it('signed out → a person is asked first, a program is led on; signed in → neither', async () => {
    await browser.signIn(practitioner);
    await browser.post('/sign-out');
    const asked = '/?returnTo=%2Fportal%2Fteam';
    expect((await browser.send('/portal/team', asPage)).location).toBe(asked);
    expect((await browser.send('/portal/account', asPage)).location).toMatch(/^\/\?returnTo=/);
    expect((await browser.send('/portal/team')).location).toMatch(/^\/oauth\/authorize\?/);
    await browser.signIn(practitioner);
    expect(browser.cookies.has(MARK)).toBe(false);
    expect((await browser.send('/portal/team', asPage)).status).toBe(200);
  });

  it('a page is opened with a session that has ended elsewhere → the same mark', async () => {
    await browser.signIn(practitioner);
    const other = copyOf(browser, app.local);
    await other.post('/sign-out/everywhere');
    await browser.json('/api/session');
    expect(browser.cookies.has(MARK)).toBe(false);
    await browser.send('/portal', asPage);
    expect(browser.cookies.has(MARK)).toBe(true);
  });
});

describe('a failed callback', () => {
  it('that spent the sign-in offers to start again, not to repeat it', async () => {
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    const page = await browser.send(await browser.consent({ person: practitioner }));
    expect(page.text).toContain('Start again');
    expect(page.text).not.toContain('Try again');
  });

  it('leaves its reference and its code in the log', async () => {
    const headers = { 'x-request-id': 'reference-4711' };
    await browser.send('/oauth/callback?code=a&state=b', { headers });
    const line = app.lines.find((one) => one.includes('request refused') && one.includes('4711'));
    expect(line).toContain('state_unknown');
  });
});

describe('a target that is neither a path nor an http address', () => {
  it.each([
    ['GET', 'http://[/portal'],
    ['GET', 'http://u:p@x:99999/oauth/callback?code=a&state=b'],
    ['GET', 'http://[/api/session'],
    ['OPTIONS', '*'],
  ])('%s %s → 400 with our headers, logged and counted', async (method, path) => {
    const { port } = new URL(app.local);
    const series = `http_request_duration_seconds_count{method="${method}",status="400"}`;
    const before = (await scrape(app.local)).get(series) ?? 0;
    const id = `target-${Math.random().toString(36).slice(2)}`;
    const headers = { 'x-request-id': id };
    const answer = await ask(`http://127.0.0.1:${port}`, { method, path, headers });
    expect(answer.status).toBe(400);
    expect(answer.headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'cache-control': 'no-store',
      'x-request-id': id,
    });
    expect(answer.text).toContain('The request could not be read');
    expect(answer.text).not.toMatch(/node_modules|TypeError/);
    const refused = app.lines.find((one) => one.includes('request refused') && one.includes(id));
    expect(refused).toContain('neither a path nor an http address');
    expect((await scrape(app.local)).get(series)).toBe(before + 1);
  });
});

describe('headers that are too large', () => {
  const filler = 'x'.repeat(20_000);

  it('cookies → 431 with a page that takes ours back, logged and counted; then all is well', async () => {
    await browser.signIn(practitioner);
    const series = 'http_request_duration_seconds_count{method="GET",status="431"}';
    const before = (await scrape(app.local)).get(series) ?? 0;
    const ours = [...browser.cookies].map(([name, value]) => `${name}=${value}`);
    const cookie = [...ours, `fc_auth_old=1; another=${filler}`].join('; ');
    const page = await ask(`${app.local}/api/session`, { headers: { cookie } });
    expect(page.status).toBe(431);
    expect(problemOf(page.text).code).toBe('headers_too_large');
    const lines = page.headers['set-cookie'] ?? [];
    const names = [...browser.cookies.keys(), 'fc_auth_old'];
    expect(lines.map((line) => line.split('=')[0]).sort()).toEqual(names.sort());
    for (const line of lines) expect(line).toMatch(/^fc_\w+=; Path=\/; Max-Age=0; HttpOnly/);
    expect((await scrape(app.local)).get(series)).toBe(before + 1);
    const portal = await ask(`${app.local}/portal`, { headers: { cookie } });
    expect(portal.text).toContain('delete the cookies of this site');
    expect(portal.headers['content-security-policy']).toContain("default-src 'none'");
  });

  it.each<[string, string, Record<string, string>]>([
    ['an address', `/portal?x=${filler}`, {}],
    ['a header that is no cookie', '/portal', { 'x-filler': filler }],
  ])('%s → 431, and the session stays', async (_what, path, headers) => {
    const answer = await ask(`${app.local}/`, {
      path,
      headers: { ...headers, cookie: 'fc_session=x' },
    });
    expect([answer.status, answer.headers['set-cookie']]).toEqual([431, undefined]);
  });
});

describe('static files', () => {
  it('may be cached, pages may not', async () => {
    expect((await browser.send('/assets/style.css')).headers.get('cache-control')).toContain(
      'max-age=3600',
    );
    expect((await browser.send('/')).headers.get('cache-control')).toBe('no-store');
  });
});

describe('the callback', () => {
  it('without a code → 400, start again', async () => {
    const callback = await browser.consent({ person: practitioner });
    const page = await browser.send(callback.replace(/code=[^&]+&?/, ''));
    expect(page.status).toBe(400);
    expect(page.text).toContain('Fullscript sent no answer along');
  });

  it('with a code that Fullscript refuses → 400, start again', async () => {
    const callback = await browser.consent({ person: practitioner });
    const page = await browser.send(callback.replace(/code=[^&]+/, 'code=spent'));
    expect(page.status).toBe(400);
    expect(page.text).toContain('This sign-in took too long');
  });

  it('while Fullscript is down → 502 and a way to try again', async () => {
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    const page = await browser.send(await browser.consent({ person: practitioner }));
    expect(page.status).toBe(502);
    expect(page.text).toContain('Fullscript has a problem');
  });
});

describe('GET /api/session', () => {
  it('signed out → says just that', async () => {
    expect(await session()).toEqual({ signedIn: false });
    expect(browser.cookies.size).toBe(0);
  });

  it('signed in → who, scope, expiry, status and the CSRF token; never a token', async () => {
    await browser.signIn(practitioner);
    const { text } = await browser.send('/api/session');
    const answer = JSON.parse(text) as SessionAnswer;
    expect(answer).toEqual({
      signedIn: true,
      registration: 'us-sandbox',
      resourceOwner: { id: practitioner, type: 'Practitioner' },
      scope: expect.arrayContaining(['catalog:read', 'clinic:read']) as unknown as string[],
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown as string,
      status: 'active',
      csrfToken: expect.stringMatching(/^[\w-]{43}$/) as unknown as string,
    });
    const left = Date.parse(answer.expiresAt!) - Date.now();
    expect(left).toBeGreaterThan(7100_000);
    expect(left).toBeLessThanOrEqual(7200_000);
    for (const token of [...simulator.issued.accessTokens, ...simulator.issued.refreshTokens]) {
      expect(text).not.toContain(token);
    }
  });

  it('after the user removed us at Fullscript → needs_reconnect, and the portal offers it', async () => {
    await browser.signIn(practitioner);
    simulator.revokeAuthorization(practitioner);
    const refused = await browser.send('/api/fullscript/clinic');
    expect(refused.status).toBe(401);
    expect(problemOf(refused.text).code).toBe('needs_reconnect');
    expect(await session()).toMatchObject({
      ...{ signedIn: true, status: 'needs_reconnect' },
      reason: 'refresh_token_refused',
    });
    const portal = await browser.send('/portal');
    expect(portal.status).toBe(401);
    expect(portal.text).toContain('Fullscript needs to be connected again');
    await browser.signIn(practitioner);
    expect(await session()).toMatchObject({ status: 'active' });
  });
});

describe('the gateway', () => {
  it('signed out → 401 problem JSON', async () => {
    const answer = await browser.send('/api/fullscript/clinic');
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(problemOf(answer.text)).toMatchObject({ status: 401, code: 'not_signed_in' });
  });

  it('passes status, body and query on', async () => {
    await browser.signIn(practitioner);
    const answer = await browser.send('/api/fullscript/clinic/patients?page%5Bsize%5D=3');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('application/json');
    const { patients } = JSON.parse(answer.text) as { patients: unknown[] };
    expect(patients).toHaveLength(3);
    expect((await browser.send('/api/fullscript/clinic/patients/unknown')).status).toBe(404);
    expect((await browser.send('/api/fullscript/catalog/products')).status).toBe(403);
  });

  it('POST and PATCH JSON arrive as they were sent', async () => {
    await browser.signIn(practitioner);
    const headers = {
      'content-type': 'application/json',
      'x-csrf-token': await browser.csrfToken(),
    };
    const body = JSON.stringify({ first_name: 'Zoë', last_name: 'A', email: 'zoe@example.test' });
    const made = await browser.send('/api/fullscript/clinic/patients', {
      method: 'POST',
      headers,
      body,
    });
    expect(made.status).toBe(201);
    const { patient } = JSON.parse(made.text) as { patient: { id: string; first_name: string } };
    expect(patient.first_name).toBe('Zoë');
    const changed = await browser.send(`/api/fullscript/clinic/patients/${patient.id}`, {
      method: 'PATCH',
      headers,
      body: JSON.stringify({ first_name: 'Zora' }),
    });
    expect(changed.status).toBe(200);
    expect(changed.text).toContain('Zora');
  });

  it('a POST without a body → its key and content type arrive, again after a 401, and its place comes back', async () => {
    await browser.signIn(practitioner);
    const passing = { 'idempotency-key': 'grant-7', 'content-type': 'application/json' };
    const headers = { ...passing, 'x-csrf-token': await browser.csrfToken() };
    simulator.requests.length = 0;
    const path = '/clinic/embeddable/session_grants';
    const fault = { endpoint: 'api', kind: 'status', times: 1 } as const;
    simulator.faults.add({ ...fault, status: 401 });
    simulator.faults.add({ ...fault, status: 201, headers: { location: `/api${path}/1` } });
    const answer = await browser.send(`/api/fullscript${path}`, { method: 'POST', headers });
    expect([answer.status, answer.location]).toEqual([201, `/api/fullscript${path}/1`]);
    const sent = simulator.requests.filter((one) => one.path.endsWith(path));
    expect(sent).toHaveLength(2);
    for (const one of sent)
      expect(one.headers).toMatchObject({ ...passing, 'content-length': '0' });
  });

  it('a token that Fullscript rejects is renewed once and the call repeated, POST included', async () => {
    await browser.signIn(practitioner);
    const headers = {
      'content-type': 'application/json',
      'x-csrf-token': await browser.csrfToken(),
    };
    for (const init of [
      {},
      {
        ...{ method: 'POST', headers },
        body: JSON.stringify({ first_name: 'B', last_name: 'C', email: 'b@example.test' }),
      },
    ]) {
      simulator.expireAccessTokens();
      const before = simulator.stats.refreshes;
      const answer = await browser.send('/api/fullscript/clinic/patients', init);
      expect([200, 201]).toContain(answer.status);
      expect(simulator.stats.refreshes).toBe(before + 1);
    }
  });

  it('50 calls with a rejected token → one refresh, 50 × 200', async () => {
    await browser.signIn(practitioner);
    simulator.expireAccessTokens();
    const before = simulator.stats.refreshes;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => browser.send('/api/fullscript/clinic')),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(simulator.stats.refreshes).toBe(before + 1);
  });

  it('a second 401 is passed on and ends nothing', async () => {
    await browser.signIn(practitioner);
    simulator.faults.add({ endpoint: 'api', kind: 'status', status: 401 });
    const answer = await browser.send('/api/fullscript/clinic');
    expect(answer.status).toBe(401);
    expect(problemOf(answer.text).code).toBe('fullscript_unauthorized');
    expect(await session()).toMatchObject({ status: 'active' });
  });

  it('Fullscript gone → 502, and everything as before afterwards', async () => {
    await browser.signIn(practitioner);
    simulator.faults.add({ endpoint: 'api', kind: 'drop' });
    const answer = await browser.send('/api/fullscript/clinic');
    expect(problemOf(answer.text).code).toBe('fullscript_unreachable');
    simulator.faults.reset();
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
  });

  it('a body that is too large → 413', async () => {
    await browser.signIn(practitioner);
    const headers = { 'x-csrf-token': await browser.csrfToken() };
    const body = 'x'.repeat(1_100_000);
    const answer = await browser.send('/api/fullscript/x', { method: 'POST', headers, body });
    expect(answer.status).toBe(413);
    expect(problemOf(answer.text).code).toBe('payload_too_large');
  });
});

describe('the portal', () => {
  it('with a missing scope explains and offers reconnect instead of failing', async () => {
    simulator.setScopes(['catalog:read']);
    await browser.signIn(practitioner);
    const page = await browser.send('/portal');
    simulator.setScopes([
      'catalog:read',
      'clinic:read',
      'clinic:write',
      'patients:read',
      'patients:write',
    ]);
    expect(page.status).toBe(200);
    expect(page.text).toContain('(clinic:read)');
  });

  it('with a dead token endpoint → 502 page, still signed in', async () => {
    await browser.signIn(practitioner);
    simulator.expireAccessTokens();
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    const page = await browser.send('/portal');
    expect(page.status).toBe(502);
    expect(page.text).toContain('Fullscript has a problem');
    simulator.faults.reset();
    expect((await browser.send('/portal')).status).toBe(200);
  });
});

describe('trying again', () => {
  const busy = {
    endpoint: 'token',
    grantType: 'refresh_token',
    kind: 'status',
    status: 429,
  } as const;
  const headers = { 'retry-after': '120' };

  it('by hand → once in spite of Retry-After, and on to the page that was wanted', async () => {
    await browser.signIn(practitioner);
    simulator.expireAccessTokens();
    simulator.faults.add({ ...busy, headers, times: 1 });
    const page = await browser.send('/portal?tab=2');
    expect(page.status).toBe(503);
    expect(page.headers.get('retry-after')).toBe('120');
    expect(page.text).toContain('action="/oauth/refresh"');
    expect(page.text).toContain('name="returnTo" value="/portal?tab=2"');
    expect((await browser.send('/portal')).status).toBe(503);
    expect(await browser.post('/oauth/refresh', { returnTo: '/portal?tab=2' })).toMatchObject({
      status: 303,
      location: '/portal?tab=2',
    });
    expect((await browser.send('/portal')).status).toBe(200);
  });

  it('by hand twice → the second one has to wait like everybody', async () => {
    await browser.signIn(practitioner);
    simulator.expireAccessTokens();
    simulator.faults.add({ ...busy, headers });
    const before = simulator.stats.refreshes;
    await browser.send('/portal');
    for (let click = 1; click <= 3; click += 1) {
      const page = await browser.post('/oauth/refresh', { returnTo: '/portal?tab=2' });
      expect(page.status).toBe(503);
      expect(page.text).toContain('name="returnTo" value="/portal?tab=2"');
    }
    expect(simulator.stats.refreshes - before).toBe(2);
    simulator.faults.reset();
    await browser.post('/oauth/disconnect');
  });

  it('by hand, to a foreign address → to the portal', async () => {
    await browser.signIn(practitioner);
    const page = await browser.post('/oauth/refresh', { returnTo: 'https://evil.example/' });
    expect(page).toMatchObject({ status: 303, location: '/portal' });
  });

  it.each([
    ['a page', { returnTo: '/portal?tab=2' }, '/oauth/authorize?returnTo=%2Fportal%3Ftab%3D2'],
    ['no page', {}, '/oauth/authorize?returnTo=%2Fportal'],
    [
      'a foreign page',
      { returnTo: 'https://evil.example/' },
      '/oauth/authorize?returnTo=%2Fportal',
    ],
  ])('after the session has ended, for %s → on to sign-in', async (_what, fields, location) => {
    const before = simulator.stats.refreshes;
    expect(await browser.post('/oauth/refresh', fields)).toMatchObject({ status: 303, location });
    expect(simulator.stats.refreshes).toBe(before);
  });
});

describe('health', () => {
  it('answers without a session', async () => {
    expect((await browser.send('/livez')).status).toBe(200);
    expect((await browser.send('/readyz')).status).toBe(200);
    expect((await browser.send('/metrics')).text).toContain('fullscript_sign_ins_total');
    expect(browser.cookies.size).toBe(0);
  });

  it('an unknown path → 404 page, below /api a problem', async () => {
    expect((await browser.send('/nowhere')).text).toContain('There is nothing here');
    const answer = await browser.send('/api/nowhere');
    expect(problemOf(answer.text)).toMatchObject({ status: 404, code: 'not_found' });
  });
});

describe('Redis', () => {
  const away = [
    ['frozen', () => world.redis.pause(), () => world.redis.resume()],
    ['dead', () => world.redis.kill(), () => world.redis.restart()],
  ] as const;

  it.each(away)(
    '%s → 503 meanwhile, cookie left alone, no restart needed',
    async (name, go, back) => {
      await browser.signIn(practitioner);
      const cookies = new Map(browser.cookies);
      await go();
      try {
        const api = ['/api/session', '/api/fullscript/clinic', '/portal', '/readyz'];
        const paths = [...api, '/oauth/authorize'];
        const answers = await Promise.all(paths.map((path) => browser.send(path)));
        expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 503));
        expect(answers.flatMap(({ headers }) => headers.getSetCookie())).toEqual([]);
        expect((await browser.send('/livez')).status).toBe(200);
      } finally {
        await back();
      }
      await until(async () => (await browser.send('/readyz')).status === 200);
      expect(browser.cookies).toEqual(cookies);
      // A killed Redis without its append-only file has forgotten; a frozen one has not.
      expect((await session()).signedIn).toBe(name === 'frozen');
    },
  );

  it('frozen during the callback → 503, and connecting again works', async () => {
    const callback = await browser.consent({ person: practitioner });
    world.redis.pause();
    const page = await browser.send(callback);
    world.redis.resume();
    expect(page.status).toBe(503);
    expect(page.text).toContain('Try again');
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect((await browser.signIn(practitioner)).url).toBe(`${app.origin}/portal`);
  });
});

describe('what is written down', () => {
  it('neither log nor Redis holds a token, a code, a secret or a state in clear', async () => {
    await browser.signIn(practitioner);
    const started = await browser.send('/oauth/authorize');
    const state = new URL(started.location!).searchParams.get('state')!;
    const dump = await everythingIn(world.stored);
    const { accessTokens, refreshTokens, codes } = simulator.issued;
    const written = `${dump}\n${app.lines.join('')}`;
    expect(accessTokens.length).toBeGreaterThan(10);
    expect(dump).toContain('fc:1:grant:');
    for (const value of [...accessTokens, ...refreshTokens, ...codes, state]) {
      expect(written).not.toContain(value);
    }
  });
});
