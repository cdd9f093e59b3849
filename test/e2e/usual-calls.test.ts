import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sign } from 'cookie-signature';
import type { SessionData } from 'express-session';
import { sessionHash, sessionKey } from '../support/keys.js';
import { createSessionRecords } from '../../src/redis/session-records.js';
import { encodeSession } from '../../src/redis/session-codec.js';
import { type Browser, sessionIdOf } from '../support/browser.js';
import { gate } from '../support/gate.js';
import type { TestRedis } from '../support/redis-server.js';
import { scrape } from '../support/scrape.js';
import { ask } from '../support/requests.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

/** What is answered ahead of Express, side by side with what Express answers to the same. */

const HOUR = 3_600_000;
const SESSION = '/api/session';
const CLINIC = '/api/fullscript/clinic';

/** Given by the caller, so that problem documents are the same, too. */
const REFERENCE = 'the-same-request';

/** What leaves a request to Express, and means nothing to it. */
const LEFT_TO_EXPRESS = { 'content-length': '0' };

interface SessionAnswer {
  readonly signedIn: boolean;
  readonly resourceOwner?: { readonly id: string };
  readonly csrfToken?: string;
  readonly status?: string;
}

let world: World<TestRedis>;
let app: App;
let browser: Browser;
let ada: string;
let bob: string;

beforeAll(async () => {
  world = await openWorldWithRedis();
  app = await world.start();
  const [first, second] = world.simulator.people;
  ada = first!.id;
  bob = second!.id;
});

beforeEach(async () => {
  world.simulator.faults.reset();
  await world.stored.flushall();
  browser = app.browser();
});

afterAll(() => world.close());

const cookieOf = ({ cookies }: Browser) =>
  [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');

/** Nothing here takes so long; what is not answered shall not hold up the others. */
const ANSWERED_MS = 5_000;

/** A GET whose path goes out byte for byte. */
function get(path: string, headers: Record<string, string>, { origin }: { origin: string } = app) {
  const signal = AbortSignal.timeout(ANSWERED_MS);
  return ask(origin, { path, signal, headers: { 'x-request-id': REFERENCE, ...headers } });
}

const VARIES = ['date', 'ratelimit-remaining', 'ratelimit-reset', 'x-fullscript-request-id'];

/**
 * All that two answers to the same question have in common. Not how the end of the body is told: behind
 * express-session some are cut into pieces.
 */
function seen({ status, headers, text }: Awaited<ReturnType<typeof ask>>) {
  const same = { ...headers };
  const length = headers['content-length'];
  for (const name of ['content-length', 'transfer-encoding']) Reflect.deleteProperty(same, name);
  if (length !== undefined) expect(Number(length)).toBe(Buffer.byteLength(text));
  for (const name of VARIES) if (name in same) same[name] = 'varies';
  const policy = same['content-security-policy'] as string | undefined;
  same['content-security-policy'] = policy?.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, 'port');
  same['set-cookie'] &&= same['set-cookie'].map((line) =>
    line.replace(/=[^;]+(.*Expires=)[^;]+/, '$1'),
  );
  return { status, headers: same, text };
}

interface Asked {
  readonly cookie?: string;
  /** Brings about the state that is asked in; ahead of each request. */
  readonly before?: (() => unknown) | undefined;
  /** Sent each time. */
  readonly headers?: Record<string, string>;
  /** How the second one gets past the usual calls. */
  readonly unusual?: Record<string, string>;
}

/** Asks in the usual form, as Express is asked, and as usual again. Answers what all of them got. */
async function alike(path: string, options: Asked = {}) {
  const { cookie = cookieOf(browser), before, headers, unusual = LEFT_TO_EXPRESS } = options;
  const answers: ReturnType<typeof seen>[] = [];
  for (const form of [{}, unusual, {}]) {
    await before?.();
    answers.push(seen(await get(path, { cookie, ...headers, ...form })));
  }
  const [usual, fromExpress, again] = answers;
  expect(usual).toEqual(fromExpress);
  expect(again).toEqual(fromExpress);
  return usual!;
}

const codeIn = ({ text }: { text: string }) => (JSON.parse(text) as { code?: string }).code;

/** What is stored of a browser's session, and a change of it behind the server's back. */
function storedOf(browser: Browser) {
  const hash = sessionHash(sessionIdOf(browser));
  const records = createSessionRecords(world.stored);
  return {
    key: sessionKey(hash),
    change: async (change: (session: SessionData) => object) => {
      const session = await records.read(hash);
      await records.update(hash, encodeSession(change(session!) as SessionData), HOUR);
    },
  };
}

const apiFault = (status: number, headers: Record<string, string> = {}, times?: number) =>
  world.simulator.faults.add({ endpoint: 'api', kind: 'status', status, headers, times });

describe('a usual call and Express, of somebody signed in', () => {
  beforeEach(async () => {
    await browser.signIn(ada);
  });

  it.each([
    [SESSION, 200],
    [`${SESSION}?x=1`, 200],
    [CLINIC, 200],
    [`${CLINIC}/patients/unknown`, 404],
    ['/api/fullscript/catalog/products', 403],
  ])('%s → %i, alike', async (path, status) => {
    expect((await alike(path)).status).toBe(status);
  });

  it('a path that the gateway takes for no path of the API → refused alike, and Fullscript is not asked', async () => {
    const { requests } = world.simulator;
    const before = requests.length;
    for (const path of [
      ...['/api/fullscript/../session', '/api/fullscript/%2e%2e/session', '/api/fullscript/%252e'],
      ...['/api/fullscript/oauth/token', '/api/fullscript/clinic%2fpatients', '/api/fullscript/'],
      ...['/api/fullscript//evil.example', '/api/fullscript/%', '/api/fullscript/clinic#x'],
    ]) {
      const answer = await alike(path);
      expect([path, answer.status, codeIn(answer)]).toEqual([path, 400, 'path_refused']);
    }
    expect(requests).toHaveLength(before);
  });

  it('what only resembles a usual call → alike', async () => {
    for (const path of [
      ...['/api/fullscript', '/api/fullscript?x=1', '/api/fullscripts/clinic', '/api/session/'],
      ...['/api/session#x', '/api/sessions', '/API/session', '/api/nowhere', '/api//session'],
      ...['/api/./session', '/api/%73ession', '/api/fullscr%69pt/clinic'],
    ]) {
      await alike(path);
    }
  });

  it('in the other form that is left to Express, of a page → alike', async () => {
    const unusual = { 'sec-fetch-dest': 'document', 'sec-fetch-site': 'cross-site' };
    for (const path of [SESSION, CLINIC]) await alike(path, { unusual });
  });

  it('the answer about the session is all that it was', async () => {
    const { text, headers } = await alike(SESSION);
    expect(JSON.parse(text)).toEqual({
      ...{ signedIn: true, registration: 'us-sandbox', status: 'active' },
      resourceOwner: { id: ada, type: 'Practitioner' },
      scope: expect.arrayContaining(['clinic:read']),
      expiresAt: expect.stringMatching(/^\d{4}-.*Z$/),
      csrfToken: await browser.csrfToken(),
    });
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': REFERENCE,
    });
    expect(headers).not.toHaveProperty('set-cookie');
    expect(headers).not.toHaveProperty('etag');
  });

  it('what the gateway relays may not act as a page of ours', async () => {
    const { headers } = await alike(CLINIC);
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'cache-control': 'no-store',
      'x-fullscript-request-id': 'varies',
    });
  });

  it('query → byte for byte', async () => {
    const query = '?page%5Bnumber%5D=1&q=a%20b+c%2Fd&empty=&flag&sort=name,-id&x=%E2%9C%93&a=1&a=2';
    const before = world.simulator.requests.length;
    await alike(`${CLINIC}/patients${query}`);
    const asked = world.simulator.requests.slice(before);
    expect(asked.map(({ search }) => search)).toEqual([query, query, query]);
  });

  it('the bearer, and what concerns Fullscript of the headers, go there, alike', async () => {
    const before = world.simulator.requests.length;
    const passing = { 'if-none-match': '"v1"', range: 'bytes=0-9', accept: 'text/csv' };
    await alike(CLINIC, {
      headers: { ...passing, 'x-csrf-token': 'x', authorization: 'Bearer x' },
    });
    const [usual, fromExpress] = world.simulator.requests.slice(before);
    expect(usual!.headers).toEqual(fromExpress!.headers);
    expect(usual!.headers).toMatchObject(passing);
    expect(usual!.headers.authorization).toMatch(/^Bearer [\w-]{43}$/);
    for (const name of ['cookie', 'x-csrf-token']) expect(usual!.headers).not.toHaveProperty(name);
  });

  it('what concerns a client of the headers of an answer → handed on alike, without cookies', async () => {
    const passing = { 'content-disposition': 'attachment; filename="plan.pdf"', etag: '"v1"' };
    apiFault(200, { ...passing, 'set-cookie': '_fs=1', 'cache-control': 'public' });
    const { headers } = await alike(CLINIC);
    expect(headers).toMatchObject({ ...passing, 'cache-control': 'no-store' });
    expect(headers).not.toHaveProperty('set-cookie');
  });

  it.each<[number, Record<string, string>]>([
    [404, {}],
    [429, { 'retry-after': '17' }],
    [304, {}],
    [204, {}],
    [503, { 'retry-after': '5' }],
  ])('Fullscript answers %i → handed on alike', async (status, headers) => {
    apiFault(status, headers);
    const answer = await alike(CLINIC);
    expect(answer.status).toBe(status);
    expect(answer.headers['retry-after']).toBe(headers['retry-after']);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it.each([
    [301, 'https://files.example/1?signature=a', 'https://files.example/1?signature=a'],
    [307, '/api/clinic/patients?a=%20b', `${CLINIC}/patients?a=%20b`],
  ])('Fullscript leads on by %i to %s → 303 there, alike', async (status, location, handedOn) => {
    apiFault(status, { location });
    const answer = await alike(CLINIC, { headers: { 'sec-fetch-site': 'same-origin' } });
    expect([answer.status, answer.headers.location]).toEqual([303, handedOn]);
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin',
    });
  });

  it.each([
    ['an OAuth endpoint', '/api/oauth/authorize', 'same-origin', 502, 'fullscript_unexpected'],
    ['nowhere', undefined, 'same-origin', 502, 'fullscript_unexpected'],
    [
      'another place, for a foreign link',
      'https://x.example/',
      'cross-site',
      403,
      'foreign_origin',
    ],
    ['another place, for a neighbour', 'https://x.example/', 'same-site', 403, 'foreign_origin'],
  ])('Fullscript leads on to %s → refused alike', async (...[, location, site, status, code]) => {
    apiFault(302, location === undefined ? {} : { location });
    const answer = await alike(CLINIC, { headers: { 'sec-fetch-site': site } });
    expect([answer.status, codeIn(answer)]).toEqual([status, code]);
    expect(answer.headers).not.toHaveProperty('location');
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('Fullscript answers 401 also to the new token → 401, alike', async () => {
    const answers: ReturnType<typeof seen>[] = [];
    // Somebody else each time: what was renewed in vain is not renewed again for a while.
    for (const [at, headers] of [{}, LEFT_TO_EXPRESS].entries()) {
      await browser.signIn(world.simulator.people[2 + at]!.id);
      const before = world.simulator.stats.refreshes;
      const off = apiFault(401);
      answers.push(seen(await get(CLINIC, { cookie: cookieOf(browser), ...headers })));
      off();
      expect(world.simulator.stats.refreshes).toBe(before + 1);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect([answers[0]!.status, codeIn(answers[0]!)]).toEqual([401, 'fullscript_unauthorized']);
    expect(answers[0]!.headers['cache-control']).toBe('no-store');
  });

  it('Fullscript hangs up → 502, alike', async () => {
    world.simulator.faults.add({ endpoint: 'api', kind: 'drop' });
    const answer = await alike(CLINIC);
    expect([answer.status, codeIn(answer)]).toEqual([502, 'fullscript_unreachable']);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('401 once → one refresh each, and 200 alike', async () => {
    const before = world.simulator.stats.refreshes;
    const answer = await alike(CLINIC, { before: () => world.simulator.expireAccessTokens() });
    expect(answer.status).toBe(200);
    expect(world.simulator.stats.refreshes).toBe(before + 3);
  });

  it('20 at once with a rejected token → one refresh, 200 for all', async () => {
    world.simulator.expireAccessTokens();
    const before = world.simulator.stats.refreshes;
    const cookie = cookieOf(browser);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        get(CLINIC, { cookie, ...(at % 2 && LEFT_TO_EXPRESS) }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(world.simulator.stats.refreshes).toBe(before + 1);
  });

  it('a refresh that is held off → 503 with Retry-After, alike', async () => {
    const fault = { endpoint: 'token', grantType: 'refresh_token', kind: 'status' } as const;
    world.simulator.faults.add({ ...fault, status: 429, headers: { 'retry-after': '120' } });
    world.simulator.expireAccessTokens();
    const before = world.simulator.stats.refreshes;
    expect((await get(CLINIC, { cookie: cookieOf(browser) })).status).toBe(503);
    // It is written down behind the back of whoever was answered.
    await until(async () => (await world.stored.keys('fc:1:refresh-failure:*')).length === 1);
    const answer = await alike(CLINIC);
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '120']);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(world.simulator.stats.refreshes).toBe(before + 1);
  });

  it('revoked at Fullscript → 401 needs_reconnect, alike', async () => {
    world.simulator.revokeAuthorization(ada);
    const refused = await get(CLINIC, { cookie: cookieOf(browser) });
    expect([refused.status, codeIn(refused)]).toEqual([401, 'needs_reconnect']);
    const answer = await alike(CLINIC);
    expect([answer.status, codeIn(answer)]).toEqual([401, 'needs_reconnect']);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(JSON.parse((await alike(SESSION)).text)).toMatchObject({
      ...{ signedIn: true, status: 'needs_reconnect', reason: 'refresh_token_refused' },
    });
  });

  it('disconnected → no grant, alike', async () => {
    // Asked before, so that this process expects a grant.
    await alike(SESSION);
    await browser.post('/oauth/disconnect');
    await browser.signIn(ada);
    await world.stored.del(await world.stored.keys('fc:1:grant:*'));
    expect(JSON.parse((await alike(SESSION)).text)).toMatchObject({
      ...{ signedIn: true, status: 'needs_reconnect', reason: 'disconnected', expiresAt: null },
    });
    const answer = await alike(CLINIC);
    expect([answer.status, codeIn(answer)]).toEqual([401, 'grant_not_found']);
    expect(answer.headers['cache-control']).toBe('no-store');
  });
});

describe('a usual call and Express, of anybody else', () => {
  const nobody = async (cookie: string, before?: () => unknown) => {
    const answer = await alike(SESSION, { cookie, before });
    expect(JSON.parse(answer.text)).toEqual({ signedIn: false });
    const refused = await alike(CLINIC, { cookie, before });
    expect([refused.status, codeIn(refused)]).toEqual([401, 'not_signed_in']);
    for (const { headers } of [answer, refused]) {
      expect(headers).not.toHaveProperty('set-cookie');
      expect(headers['cache-control']).toBe('no-store');
    }
  };

  it('not signed in → said so, alike', () => nobody(''));

  it('a cookie under another secret → nobody, alike', () =>
    nobody(`fc_session=${encodeURIComponent(`s:${sign('i'.repeat(43), 'other')}`)}`));

  it('a cookie of ours without a session → nobody, alike', () => {
    const { SESSION_SECRET = '' } = app.env;
    return nobody(`fc_session=${encodeURIComponent(`s:${sign('i'.repeat(43), SESSION_SECRET)}`)}`);
  });

  it.each<[string, (cookie: string) => string]>([
    ['another first letter', (cookie) => cookie.replace(/s%3A./, 's%3A~')],
    ['another last letter', (cookie) => `${cookie}x`],
    ['no signature', (cookie) => cookie.slice(0, cookie.lastIndexOf('.'))],
    ['half an escape', (cookie) => cookie.replace('s%3A', 's%3')],
    ['another one first', (cookie) => `fc_session=x; ${cookie}`],
  ])('a cookie with %s → nobody, alike', async (_what, change) => {
    await browser.signIn(ada);
    await alike(SESSION);
    const value = browser.cookies.get('fc_session') ?? '';
    await nobody(change(`fc_session=${value}`));
  });

  it('signed out → nobody, alike, though this process knew whose it was', async () => {
    await browser.signIn(ada);
    await alike(SESSION);
    const cookie = cookieOf(browser);
    await browser.post('/sign-out');
    await nobody(cookie);
    expect(await world.sessions()).toEqual({});
  });

  it('signed in longer ago than a session may last → nobody, and the record is gone', async () => {
    await browser.signIn(ada);
    await alike(SESSION);
    const { key, change } = storedOf(browser);
    await change(({ signIn, ...session }) => ({
      ...session,
      signIn: { ...signIn, at: signIn.at - 10_000 * HOUR },
    }));
    const old = (await world.stored.get(key))!;
    const written = app.lines.length;
    const asked = { cookie: cookieOf(browser), before: () => world.stored.set(key, old) };
    expect(JSON.parse((await alike(SESSION, asked)).text)).toEqual({ signedIn: false });
    const refused = await alike(CLINIC, asked);
    expect(codeIn(refused)).toBe('not_signed_in');
    expect(await world.sessions()).toEqual({});
    expect(refused.headers).not.toHaveProperty('set-cookie');
    expect(app.lines.slice(written).filter((line) => line.includes('request failed'))).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['without anybody', undefined],
    ['of null', null],
    ['of a number', 42],
    ['without a user', { at: Date.now() }],
    ['of half a user', { at: Date.now(), key: { registration: 'us-sandbox' } }],
    ['of a user of another make', { at: Date.now(), key: 'us-sandbox:Practitioner:1' }],
  ])('a stored session %s → nobody, alike, once and again', async (_what, signIn) => {
    await browser.signIn(ada);
    // This process knows whose it was, and expects that user.
    await alike(SESSION);
    await storedOf(browser).change((session) => ({ ...session, signIn }));
    for (const path of [SESSION, CLINIC]) {
      const { status, headers } = await alike(path);
      expect(status).toBe(path === SESSION ? 200 : 401);
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  it('a stored session that is no JSON → nobody, alike', async () => {
    await browser.signIn(ada);
    await alike(SESSION);
    await nobody(cookieOf(browser), () => world.stored.set(storedOf(browser).key, '{'));
  });
});

describe('two users in one process', () => {
  const sessionFor = (who: Browser) => who.json<SessionAnswer>(SESSION);

  it('asked in turn and at once → each about themselves', async () => {
    const other = app.browser();
    await browser.signIn(ada);
    await other.signIn(bob);
    const asked = Array.from({ length: 20 }, (_, at) => ({
      who: at % 2 === 0 ? browser : other,
      id: at % 2 === 0 ? ada : bob,
    }));
    for (const { who, id } of asked.slice(0, 4)) {
      expect((await sessionFor(who)).resourceOwner?.id).toBe(id);
    }
    const before = world.simulator.requests.length;
    const answers = await Promise.all(
      asked.map(async ({ who }) => [await sessionFor(who), await who.send(CLINIC)] as const),
    );
    expect(answers.map(([session]) => session.resourceOwner?.id)).toEqual(
      asked.map(({ id }) => id),
    );
    const clinics = new Map(asked.map(({ id }, at) => [id, answers[at]![1].text]));
    expect(answers.map(([, { text }]) => text)).toEqual(asked.map(({ id }) => clinics.get(id)));
    const bearers = world.simulator.requests
      .slice(before)
      .map(({ headers }) => headers.authorization);
    expect(new Set(bearers).size).toBe(2);
  });

  it('one after the other in the same browser → about the one that is signed in', async () => {
    await browser.signIn(ada);
    await alike(SESSION);
    const before = cookieOf(browser);
    await browser.signIn(bob);
    expect(JSON.parse((await alike(SESSION)).text)).toMatchObject({ resourceOwner: { id: bob } });
    expect((await sessionFor(browser)).csrfToken).not.toBe('none');
    // The session before has ended with that.
    expect(JSON.parse((await alike(SESSION, { cookie: before })).text)).toEqual({
      signedIn: false,
    });
  });

  it('a session that is another user’s now → about the one that it names now', async () => {
    const other = app.browser();
    await browser.signIn(ada);
    await other.signIn(bob);
    const [adas, bobs] = [await alike(SESSION), await other.json<SessionAnswer>(SESSION)];
    expect(JSON.parse(adas.text)).toMatchObject({ resourceOwner: { id: ada } });
    const bearerOf = async (who: Browser) => {
      const { length } = world.simulator.requests;
      expect((await who.send(CLINIC)).status).toBe(200);
      return world.simulator.requests.slice(length).map(({ headers }) => headers.authorization);
    };
    const [ofAda, ofBob] = [await bearerOf(browser), await bearerOf(other)];
    expect(ofAda).not.toEqual(ofBob);
    const key = { registration: 'us-sandbox', owner: { id: bob, type: 'Practitioner' } };
    await storedOf(browser).change(({ signIn, ...session }) => ({
      ...session,
      signIn: { ...signIn, key },
    }));
    expect(await bearerOf(browser)).toEqual(ofBob);
    expect(JSON.parse((await alike(SESSION)).text)).toEqual(bobs);
    expect(await bearerOf(browser)).toEqual(ofBob);
  });

  it('a session that is another user’s now, who has no grant → that one has none', async () => {
    await browser.signIn(ada);
    await alike(SESSION);
    const key = { registration: 'us-sandbox', owner: { id: bob, type: 'Practitioner' } };
    await storedOf(browser).change(({ signIn, ...session }) => ({
      ...session,
      signIn: { ...signIn, key },
    }));
    expect(codeIn(await alike(CLINIC))).toBe('grant_not_found');
    expect(JSON.parse((await alike(SESSION)).text)).toMatchObject({
      ...{ resourceOwner: { id: bob }, status: 'needs_reconnect', expiresAt: null },
    });
  });
});

describe('what else comes of a usual call', () => {
  /** The lines of a request, without what differs each time. */
  const linesOf = (id: string) =>
    app.lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ requestId, msg }) => requestId === id && msg === 'request')
      .map((line) => ({
        ...line,
        time: typeof line['time'],
        ms: typeof line['ms'],
        requestId: '',
      }));

  it.each([
    ['the session', SESSION, 200],
    ['the gateway', `${CLINIC}?secret=1`, 200],
    ['a problem', '/api/fullscript/oauth/token', 400],
    ['an id', `${CLINIC}/patients/4711`, 404],
  ])('%s → one line, as Express writes it, with the owner’s tag', async (name, path, status) => {
    await browser.signIn(ada);
    const cookie = cookieOf(browser);
    const ids = ['usual', 'express', 'usual-again'].map((form) =>
      `${form}-${name}`.replace(' ', '-'),
    );
    for (const [at, id] of ids.entries()) {
      const headers = { cookie, 'x-request-id': id, ...(at === 1 && LEFT_TO_EXPRESS) };
      const answer = await get(path, headers);
      expect([answer.status, answer.headers['x-request-id']]).toEqual([status, id]);
    }
    await until(() => ids.every((id) => linesOf(id).length > 0));
    const [usual, fromExpress, again] = ids.map(linesOf);
    expect(usual).toHaveLength(1);
    expect(usual).toEqual(fromExpress);
    expect(again).toEqual(fromExpress);
    expect(usual![0]).toMatchObject({ method: 'GET', status, owner: expect.any(String) });
    expect(JSON.stringify(usual)).not.toMatch(/secret|4711/);
  });

  it('an id that cannot stand in a log → another one, sent back', async () => {
    await browser.signIn(ada);
    for (const given of ['a b c d e f g h', 'short', 'x'.repeat(65)]) {
      const { headers } = await get(SESSION, { cookie: cookieOf(browser), 'x-request-id': given });
      expect(headers['x-request-id']).toMatch(/^[\da-f-]{36}$/);
    }
  });

  it('what is written on the way → with the id of the request', async () => {
    await browser.signIn(ada);
    world.simulator.expireAccessTokens();
    const headers = { cookie: cookieOf(browser), 'x-request-id': 'one-that-refreshes' };
    expect((await get(CLINIC, headers)).status).toBe(200);
    const lines = () => app.lines.filter((line) => line.includes('one-that-refreshes'));
    await until(() => lines().some((line) => line.includes('"msg":"request"')));
    expect(lines().length).toBeGreaterThan(1);
  });

  it.each([
    ['usual', {}],
    ['left to Express', LEFT_TO_EXPRESS],
  ])('a caller who goes away, %s → a line with 499, and counted', async (form, unusual) => {
    await browser.signIn(ada);
    const id = `gone-away-${form}`.replaceAll(' ', '-');
    const { opened, open } = gate();
    const { apiCalls } = world.simulator.stats;
    world.simulator.faults.add({ endpoint: 'api', kind: 'delay', until: opened, times: 1 });
    const headers = { cookie: cookieOf(browser), 'x-request-id': id, ...unusual };
    const going = request(`${app.origin}${CLINIC}`, { headers }).on('error', () => undefined);
    going.end();
    await until(() => world.simulator.stats.apiCalls > apiCalls);
    const before = await counted('499');
    going.destroy();
    // The other end has to hear of it before the answer is there.
    await until(() => going.closed);
    await get('/livez', {});
    open();
    await until(() => linesOf(id).length > 0, 2_000);
    expect(linesOf(id)).toMatchObject([{ status: 499, owner: expect.any(String) }]);
    expect(await counted('499')).toBe(before + 1);
  });

  const durations = (status: string) =>
    `http_request_duration_seconds_count{method="GET",status="${status}"}`;
  const counted = async (status: string) => (await scrape(app.origin)).get(durations(status)) ?? 0;

  it('metrics → each counted once, whoever answers', async () => {
    await browser.signIn(ada);
    const cookie = cookieOf(browser);
    const before = await scrape(app.origin);
    for (let i = 0; i < 3; i += 1) await get(SESSION, { cookie });
    await get(SESSION, { cookie, ...LEFT_TO_EXPRESS });
    for (let i = 0; i < 2; i += 1) await get('/api/fullscript/oauth/token', { cookie });
    await get('/api/nowhere', { cookie });
    await get(CLINIC, {});
    const after = await scrape(app.origin);
    const more = ['200', '400', '404', '401'].map((status) => {
      const name = durations(status);
      return (after.get(name) ?? 0) - (before.get(name) ?? 0);
    });
    // The first scrape is one of those with 200.
    expect(more).toEqual([3 + 1 + 1, 2, 1, 1]);
  });

  it.each([SESSION, CLINIC])('%s → prolongs the idle life of the session', async (path) => {
    await browser.signIn(ada);
    const { key } = storedOf(browser);
    // A process that has not touched this session yet, and so does so now.
    const other = await world.start();
    const full = await world.stored.pttl(key);
    await world.stored.pexpire(key, HOUR / 10);
    const answer = await get(path, { cookie: cookieOf(browser) }, other);
    expect(answer.status).toBe(200);
    await until(async () => (await world.stored.pttl(key)) > HOUR / 10);
    expect(await world.stored.pttl(key)).toBeGreaterThan(full - 60_000);
  });

  it('session and grant → asked for in one round trip, and nothing else', async () => {
    await browser.signIn(ada);
    const cookie = cookieOf(browser);
    // From the second one on this process knows whose session it is; the first touches it, too.
    for (let i = 0; i < 3; i += 1) await get(SESSION, { cookie });
    const use = await useOf(30, (at) => get(at % 2 === 0 ? SESSION : CLINIC, { cookie }));
    expect(use.calls).toEqual({ get: 30, hmget: 30 });
    expect(use.reads).toBeGreaterThanOrEqual(30);
    expect(use.reads).toBeLessThanOrEqual(30 + use.others);
    const express = await useOf(30, () => get(SESSION, { cookie, ...LEFT_TO_EXPRESS }));
    expect(express.calls).toEqual({ get: 30, hmget: 30 });
    expect(express.reads).toBeGreaterThanOrEqual(60);
  });

  /**
   * What Redis was asked for so many requests, one after the other, and how often it read from its connections.
   * `others` is what the process does by itself: it looks after its connections, and BullMQ waits for jobs
   * (BZPOPMIN) and looks for stalled ones by scripts, which we send as EVAL only.
   */
  async function useOf(times: number, send: (at: number) => Promise<unknown>) {
    const names: string[] = [];
    const { opened: isHeard, open: hear } = gate();
    const monitor = await world.stored.monitor();
    monitor.on('monitor', (_time, [name = '']: string[], source: string) => {
      if (name.toLowerCase() === 'echo') hear();
      else if (source !== 'lua') names.push(name.toLowerCase());
    });
    await world.stored.config('RESETSTAT');
    for (let at = 0; at < times; at += 1) await send(at);
    const stats = await world.stored.info('stats');
    await world.stored.echo('the last one');
    await isHeard;
    monitor.disconnect();
    const isOther = (name: string) =>
      ['ping', 'info', 'config', 'bzpopmin', 'evalsha'].includes(name);
    const calls: Record<string, number> = {};
    for (const name of names.filter((one) => !isOther(one))) calls[name] = (calls[name] ?? 0) + 1;
    const reads = Number(/^total_reads_processed:(\d+)/m.exec(stats)?.[1]);
    return { calls, reads, others: names.filter(isOther).length };
  }
});

describe('limits', () => {
  const LIMIT = 6;

  it.each([
    ['of a session', SESSION],
    ['of a session, in the gateway', CLINIC],
  ])('%s → each request counts once, and then 429 alike', async (_which, path) => {
    const other = await world.start({ RATE_LIMIT_API: String(LIMIT) });
    await browser.signIn(ada);
    const cookie = cookieOf(browser);
    const left: unknown[] = [];
    const forms = [{}, LEFT_TO_EXPRESS, {}, { 'sec-fetch-dest': 'document' }, {}, {}];
    for (const headers of forms) {
      const answer = await get(path, { cookie, ...headers }, other);
      expect(answer.status).toBe(200);
      left.push(answer.headers['ratelimit-remaining']);
    }
    expect(left).toEqual(['5', '4', '3', '2', '1', '0']);
    const [usual, fromExpress] = [
      await get(path, { cookie }, other),
      await get(path, { cookie, ...LEFT_TO_EXPRESS }, other),
    ];
    for (const answer of [usual, fromExpress]) {
      expect([answer.status, codeIn(answer)]).toEqual([429, 'too_many_requests']);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
      expect(answer.headers['ratelimit-limit']).toBe(String(LIMIT));
    }
    const shown = [usual, fromExpress].map((answer) => {
      const { headers, ...others } = seen(answer);
      return { ...others, headers: { ...headers, 'retry-after': 'varies' } };
    });
    expect(shown[0]).toEqual(shown[1]);
    const linesOf429 = () => other.lines.filter((line) => line.includes('"status":429'));
    await until(() => linesOf429().length === 2);
    expect(other.lines.filter((line) => line.includes('rate limit reached'))).toHaveLength(1);
    const name = 'fullscript_rate_limited_total{limit="session"}';
    expect((await scrape(other.origin)).get(name)).toBe(2);
  });

  it('of a user with two sessions → counted together, once each', async () => {
    const other = await world.start({ RATE_LIMIT_API: String(LIMIT) });
    const [one, two] = [app.browser(), app.browser()];
    for (const who of [one, two]) await who.signIn(ada);
    const from = (who: Browser, more = {}) =>
      get(SESSION, { cookie: cookieOf(who), ...more }, other);
    for (let i = 0; i < LIMIT / 2; i += 1) {
      for (const who of [one, two]) expect((await from(who)).status).toBe(200);
    }
    const [usual, fromExpress] = [await from(one), await from(two, LEFT_TO_EXPRESS)];
    expect([usual.status, fromExpress.status]).toEqual([429, 429]);
    expect(usual.headers['cache-control']).toBe('no-store');
    const name = 'fullscript_rate_limited_total{limit="user"}';
    expect((await scrape(other.origin)).get(name)).toBe(2);
  });

  it('a call that goes on to Express because it failed → counts once', async () => {
    const other = await world.start({ RATE_LIMIT_API: String(LIMIT) });
    await browser.signIn(ada);
    const refused = () => get('/api/fullscript/oauth/token', { cookie: cookieOf(browser) }, other);
    const answers = [await refused(), await refused(), await refused()];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual(['5', '4', '3']);
  });

  it('a session that has ended → its cookie counts once a request', async () => {
    const other = await world.start({ RATE_LIMIT_API: String(LIMIT) });
    await browser.signIn(ada);
    const cookie = cookieOf(browser);
    await browser.post('/sign-out');
    const answers = [await get(SESSION, { cookie }, other), await get(SESSION, { cookie }, other)];
    expect(answers.map(({ headers }) => headers['ratelimit-remaining'])).toEqual(['5', '4']);
  });
});

describe('Redis frozen', () => {
  it('→ 503 meanwhile, cookie left alone, alike; then as before', async () => {
    await browser.signIn(ada);
    for (const path of [SESSION, CLINIC]) expect((await alike(path)).status).toBe(200);
    const cookie = cookieOf(browser);
    world.redis.pause();
    try {
      const forms = [{}, LEFT_TO_EXPRESS];
      const asked = [SESSION, CLINIC].map((path) =>
        Promise.all(forms.map((headers) => get(path, { cookie, ...headers }))),
      );
      for (const [usual, fromExpress] of await Promise.all(asked)) {
        expect([usual!.status, codeIn(usual!)]).toEqual([503, 'store_unavailable']);
        expect(usual!.headers).not.toHaveProperty('set-cookie');
        expect(seen(usual!)).toEqual(seen(fromExpress!));
        expect(usual!.headers['content-type']).toContain('application/problem+json');
        expect(usual!.headers['cache-control']).toBe('no-store');
      }
    } finally {
      world.redis.resume();
    }
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect(cookieOf(browser)).toBe(cookie);
    for (const path of [SESSION, CLINIC]) expect((await alike(path)).status).toBe(200);
  });
});
