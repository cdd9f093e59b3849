import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { get as httpGet } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sign } from 'cookie-signature';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import supertest from 'supertest';
import { FullscriptApiError } from '../../src/fullscript/errors.js';
import {
  GrantNotFoundError,
  StoreUnavailableError,
  UserDisabledError,
} from '../../src/grants/errors.js';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import { createAudit } from '../../src/http/audit.js';
import { type BindingCookies, createBindingCookies } from '../../src/http/binding-cookie.js';
import { cookieName, readCookies } from '../../src/http/cookies.js';
import { createCsrf } from '../../src/http/csrf.js';
import { errorCode, errorHandler, type ErrorView } from '../../src/http/error-handler.js';
import { ERROR_TABLE, type ErrorCode, type WayForward } from '../../src/http/error-table.js';
import {
  CsrfError,
  NotSignedInError,
  RouteError,
  TooManyRequestsError,
} from '../../src/http/errors.js';
import { formTargets } from '../../src/http/form-targets.js';
import { grantAudit } from '../../src/http/grant-audit.js';
import { createMetrics } from '../../src/metrics/metrics.js';
import { navigationOf } from '../../src/http/navigation.js';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { requestId, requestIdOf } from '../../src/http/request-id.js';
import { requestLog, type RequestLine } from '../../src/http/request-log.js';
import { parseReturnTo } from '../../src/http/return-to.js';
import { noStore, securityHeaders, settingHeaders } from '../../src/http/security-headers.js';
import { sessionOwner, sessionStart, sessions, sessionTtl } from '../../src/http/session.js';
import { endSession, signedIn, startSession } from '../../src/http/signed-in.js';
import { createLogger } from '../../src/logger.js';
import { createMemorySessionStore } from '../../src/memory/session-store.js';
import { AuthorizationResponseError, TokenEndpointError } from '../../src/oauth/errors.js';
import { secret } from '../../src/oauth/secret.js';
import { registrationOf } from '../fixtures/registration.js';
import { rejection } from '../fixtures/shown.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const HOUR = 3_600_000;
const BASE_URL = 'https://portal.example.com';
const ADA: GrantKey = {
  registration: 'us-sandbox',
  owner: { id: 'ada-0b6a2d8e', type: 'Practitioner' },
};
const BOB: GrantKey = {
  registration: 'us-sandbox',
  owner: { id: 'bob-91aa7c30', type: 'Practitioner' },
};

/** The lines of `Set-Cookie`. */
function cookiesOf(response: supertest.Response): string[] {
  return ([] as string[]).concat(response.get('Set-Cookie') ?? []);
}

/** Name and value of each cookie, as a browser sends them back. */
function sentBack(lines: string[]): string {
  return lines.map((line) => line.split(';')[0]).join('; ');
}

const { inLogs: ownerTag } = createOwnerTags([secret('the secret of an installation')]);

/** Collects the lines of a real logger. */
function recordingLogger(level = 'trace') {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ level, production: true, destination });
  const records = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, lines, records };
}

describe('parseReturnTo', () => {
  it.each([
    '/',
    '/portal',
    '/portal/patients?page=2&q=a%20b#row-3',
    '/portal?next=/a//b',
    '/portal?url=https://example.com/',
    '/caf%C3%A9',
    '/a/b/../c',
    '/@name',
    '/a:b',
    `/${'x'.repeat(1023)}`,
  ])('%s → on our origin, where the browser would go', (path) => {
    const url = new URL(path, BASE_URL);
    expect(parseReturnTo(path, BASE_URL)).toBe(`${url.pathname}${url.search}${url.hash}`);
  });

  it('unicode → encoded, so that it fits into a header', () => {
    expect(parseReturnTo('/é\u2028?ü', BASE_URL)).toBe('/%C3%A9%E2%80%A8?%C3%BC');
  });

  it.each<[string, unknown]>([
    ['another host', '//evil.example'],
    ['another host by backslash', '/\\evil.example'],
    ['two backslashes', '\\\\evil.example'],
    ['encoded slashes', '/%2f%2fevil.example'],
    ['encoded slash', '/%2Fevil.example'],
    ['encoded twice', '/%252f%252fevil.example'],
    ['encoded backslash', '/%5cevil.example'],
    ['encoded backslash further in', '/portal%5c..%5cevil'],
    ['tab that browsers drop', '/\t/evil.example'],
    ['line break that browsers drop', '/\n/evil.example'],
    ['carriage return', '/\r/evil.example'],
    ['encoded tab', '/%09/evil.example'],
    ['up to two slashes', '/..//evil.example'],
    ['here to two slashes', '/.//evil.example'],
    ['a folder and up to two slashes', '/portal/..//evil.example'],
    ['an encoded up to two slashes', '/portal/%2e%2e//evil.example'],
    ['absolute URL', 'https://evil.example/'],
    ['absolute URL of ours', 'https://portal.example.com/portal'],
    ['scheme without slashes', 'https:evil.example'],
    ['script', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['userinfo', 'https://portal.example.com@evil.example'],
    ['userinfo alone', '@evil.example'],
    ['blank first', ' /portal'],
    ['control character first', '\u0001/portal'],
    ['line break in the middle', '/portal\r\nSet-Cookie: a=b'],
    ['encoded line break', '/portal%0d%0aSet-Cookie:%20a=b'],
    ['encoded null', '/portal?x=%00'],
    ['C1 control', '/portal\u0085'],
    ['no slash', 'portal'],
    ['nothing', ''],
    ['half an escape', '/portal?x=%'],
    ['too long', `/${'x'.repeat(1024)}`],
    ['array', ['/portal', '/portal']],
    ['object', { toString: () => '/portal' }],
    ['number', 1],
    ['null', null],
    ['missing', undefined],
  ])('%s → nothing', (_what, value) => {
    expect(parseReturnTo(value, BASE_URL)).toBeUndefined();
  });
});

describe('cookies', () => {
  it('name with https → __Host-, without it → plain', () => {
    expect(cookieName('fc_session', true)).toBe('__Host-fc_session');
    expect(cookieName('fc_session', false)).toBe('fc_session');
  });

  it.each<[string, string | undefined, [string, string][]]>([
    ['none', undefined, []],
    [
      'two',
      'a=1; b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['the same name twice', 'a=1; a=2', [['a', '1']]],
    ['value with =', 'a=b=c', [['a', 'b=c']]],
    ['encoded value', 'a=%20x', [['a', '%20x']]],
    [
      'empty value',
      'a=; b=2',
      [
        ['a', ''],
        ['b', '2'],
      ],
    ],
    [
      'no blanks',
      'a=1;b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['garbage', ';;a;=x; b = 2 ;', [['b', '2']]],
    ['a name of JavaScript', '__proto__=1', [['__proto__', '1']]],
  ])('%s → read', (_what, cookie, expected) => {
    expect([...readCookies({ headers: { cookie } })]).toEqual(expected);
  });
});

describe('createBindingCookies', () => {
  const BINDING = 'A'.repeat(22);
  const STARTED_BY = 'B'.repeat(22);

  function appWith(options: { secure?: boolean; now?: () => number; secrets?: string[] } = {}) {
    const { secure = true, now = () => NOW } = options;
    const signing = { secrets: options.secrets ?? ['new', 'old'], lifetimeMs: 600_000 };
    const bindings: BindingCookies = createBindingCookies({ secure, now, ...signing });
    const app = express();
    app.get('/set/:id/:binding', (req, res) => {
      const { id: stateId, binding } = req.params;
      bindings.set(req, res, { stateId, binding, startedBy: STARTED_BY });
      res.end();
    });
    app.get('/get/:id', (req, res) => res.json(bindings.get(req, req.params.id) ?? {}));
    app.get('/clear/:id', (req, res) => {
      bindings.clear(res, req.params.id);
      res.end();
    });
    return supertest(app);
  }

  /** A cookie of a sign-in that started so many ms after NOW. */
  const cookieOf = (id: string, after: number, prefix = '__Host-fc_auth_') =>
    `${prefix}${id}=${valueOf(id, { after })}`;

  function valueOf(id: string, { after = 0, secret = 'new', startedBy = STARTED_BY } = {}) {
    const text = `${(NOW + after).toString(36)}.${BINDING}.${startedBy}`;
    const key = createHmac('sha256', secret).update('signed binding').digest('base64url');
    return sign(`${id}.${text}`, key).slice(`${id}.`.length);
  }

  const value = valueOf('s1');
  const shown = (binding: string, startedBy = STARTED_BY) => JSON.stringify({ binding, startedBy });

  it.each([
    ['ten minutes old, by a clock that is ten minutes slow', 20, true],
    ['older', 21, false],
    ['of the future, by more than clocks differ', -21, false],
  ])('a cookie %s → counts: %s min, %s', async (_what, minutes, counts) => {
    const agent = appWith({ now: () => NOW + minutes * 60_000 });
    const { text } = await agent.get('/get/s1').set('Cookie', cookieOf('s1', 0));
    expect(text).toBe(counts ? shown(BINDING) : '{}');
  });

  it('https → __Host-, Secure, HttpOnly, Lax, no Domain, ten minutes', async () => {
    const [line, ...others] = cookiesOf(await appWith().get(`/set/s1/${BINDING}`));
    expect(others).toEqual([]);
    expect(line?.replace(/Expires=[^;]+/, 'Expires=…')).toBe(
      `__Host-fc_auth_s1=${value}; Max-Age=600; Path=/; Expires=…; HttpOnly; Secure; SameSite=Lax`,
    );
  });

  it('http on this machine → the same without prefix and Secure', async () => {
    const [line] = cookiesOf(await appWith({ secure: false }).get(`/set/s1/${BINDING}`));
    expect(line?.replace(/Expires=[^;]+/, 'Expires=…')).toBe(
      `fc_auth_s1=${value}; Max-Age=600; Path=/; Expires=…; HttpOnly; SameSite=Lax`,
    );
  });

  it('set, then sent back → the binding of that sign-in and of no other', async () => {
    const app = appWith();
    const cookie = sentBack(cookiesOf(await app.get(`/set/s1/${BINDING}`)));
    expect((await app.get('/get/s1').set('Cookie', cookie)).text).toBe(shown(BINDING));
    expect((await app.get('/get/s2').set('Cookie', cookie)).text).toBe('{}');
    expect((await app.get('/get/s1')).text).toBe('{}');
  });

  it.each([
    ['empty', ''],
    ['only the binding', BINDING],
    ['too short', value.replace('A', '')],
    ['too long', value.replace('A', 'AA')],
    ['other characters', value.replace('A', '/')],
    ['no time', value.slice(value.indexOf('.'))],
    ['another time', `${(NOW + 1).toString(36)}${value.slice(value.indexOf('.'))}`],
    ['not signed', value.slice(0, value.lastIndexOf('.'))],
    ['signed with another secret', valueOf('s1', { secret: 'other' })],
    ['signed for another sign-in', valueOf('s2')],
    ['another counted', value.replace('B', 'C')],
  ])('value %s → no binding', async (_what, text) => {
    const response = await appWith().get('/get/s1').set('Cookie', `__Host-fc_auth_s1=${text}`);
    expect(response.text).toBe('{}');
  });

  it('signed with an older secret, or counted for nobody → the binding', async () => {
    const cookieWith = (text: string) => `__Host-fc_auth_s1=${text}`;
    const older = await appWith()
      .get('/get/s1')
      .set('Cookie', cookieWith(valueOf('s1', { secret: 'old' })));
    expect(older.text).toBe(shown(BINDING));
    const nobodys = cookieWith(valueOf('s1', { startedBy: '' }));
    const found = await appWith().get('/get/s1').set('Cookie', nobodys);
    expect(found.text).toBe(shown(BINDING, ''));
  });

  it('twenty of them → far below 8 kB', () => {
    const id = 'x'.repeat(16);
    expect(20 * `; ${cookieOf(id, 0)}`.length).toBeLessThan(3_000);
  });

  it('https and a cookie without the prefix, as another host could plant it → no binding', async () => {
    const planted = cookieOf('s1', 0, 'fc_auth_');
    expect((await appWith().get('/get/s1').set('Cookie', planted)).text).toBe('{}');
  });

  it('ten tabs at once → ten cookies, each sign-in finds its own', async () => {
    const app = appWith();
    const ids = Array.from({ length: 10 }, (_, tab) => `tab${tab}`);
    const bindingOf = (id: string) => id.padEnd(22, '-');
    const answers = await Promise.all(ids.map((id) => app.get(`/set/${id}/${bindingOf(id)}`)));
    const lines = answers.flatMap(cookiesOf);
    expect(lines).toHaveLength(10);
    const found = await Promise.all(
      ids.map((id) => app.get(`/get/${id}`).set('Cookie', sentBack(lines))),
    );
    expect(found.map(({ text }) => text)).toEqual(ids.map((id) => shown(bindingOf(id))));
  });

  it.each([
    [0, []],
    [19, []],
    [20, ['s00']],
    [22, ['s02', 's01', 's00']],
  ])('%i sign-ins open, and one more → the oldest beyond twenty go', async (open, dropped) => {
    const ids = Array.from({ length: open }, (_, at) => `s${String(at).padStart(2, '0')}`);
    // The youngest in the middle, so that age is told from the value and not from the place.
    const cookies = ids.map((id, at) => cookieOf(id, at)).reverse();
    const mixed = [...cookies.slice(5), 'other=1', ...cookies.slice(0, 5)].join('; ');
    const lines = cookiesOf(await appWith().get(`/set/new/${BINDING}`).set('Cookie', mixed));
    const cleared = lines.filter((line) => line.includes('Expires=Thu, 01 Jan 1970'));
    expect(cleared).toEqual(
      dropped.map(
        (id) =>
          `__Host-fc_auth_${id}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax`,
      ),
    );
    expect(lines.length - cleared.length).toBe(1);
    expect(lines.at(-1)).toContain(`__Host-fc_auth_new=${valueOf('new')}`);
  });

  it('a cookie whose value is garbage → counts as the oldest', async () => {
    const cookies = Array.from({ length: 19 }, (_, at) => cookieOf(`s${at}`, at));
    const cookie = ['__Host-fc_auth_bad=garbage', ...cookies].join('; ');
    const lines = cookiesOf(await appWith().get(`/set/new/${BINDING}`).set('Cookie', cookie));
    expect(lines[0]).toContain('__Host-fc_auth_bad=; ');
    expect(lines).toHaveLength(2);
  });

  it('cleared → the browser is told with the same attributes', async () => {
    expect(cookiesOf(await appWith().get('/clear/s1'))).toEqual([
      '__Host-fc_auth_s1=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
    ]);
  });
});

describe('createCsrf', () => {
  /** An app where the header `x-user` says who is signed in. */
  function appWith(options: { secret?: string; now?: () => number } = {}) {
    const { secret: key = 'csrf-secret-1', now = () => NOW } = options;
    const csrf = createCsrf({ secrets: [key], baseUrl: BASE_URL, now });
    const users: Record<string, GrantKey> = { ada: ADA, bob: BOB };
    const acted: string[] = [];
    const app = express();
    app.use((req, _res, next) => {
      const user = users[req.get('x-user') ?? ''];
      const session = user === undefined ? {} : { signIn: { key: user, at: NOW } };
      Object.assign(req, { sessionID: req.get('x-session') ?? 'session-1', session });
      next();
    });
    app.use(requestId(), express.urlencoded({ extended: false }), express.json());
    app.use(csrf.protect);
    app.get('/token', (req, res) => res.json({ token: csrf.token(req) }));
    app.all('/api/act', (req, res) => {
      acted.push(req.method);
      res.send('done');
    });
    app.use(errorHandler({ report: () => undefined }));
    const agent = supertest(app);
    const tokenOf = async (user: string) => {
      const { text } = await agent.get('/token').set('x-user', user);
      return (JSON.parse(text) as { token: string }).token;
    };
    return { agent, acted, tokenOf };
  }

  const codeOf = (response: supertest.Response) =>
    (JSON.parse(response.text) as { code: string }).code;

  it('nobody signed in → no token, and none is asked for', async () => {
    const { agent, acted } = appWith();
    expect((await agent.get('/token')).text).toBe('{}');
    expect((await agent.post('/api/act')).status).toBe(200);
    expect(acted).toEqual(['POST']);
  });

  it('token → safe in a header, 256 bits, not the same for two users or two secrets', async () => {
    const { tokenOf } = appWith();
    const ada = await tokenOf('ada');
    expect(ada).toMatch(/^[\w-]{43}$/);
    expect(await tokenOf('ada')).toBe(ada);
    expect(await tokenOf('bob')).not.toBe(ada);
    expect(await appWith({ secret: 'csrf-secret-2' }).tokenOf('ada')).not.toBe(ada);
  });

  it.each(['post', 'put', 'patch', 'delete'] as const)(
    '%s with the token in the header → carried out',
    async (method) => {
      const { agent, acted, tokenOf } = appWith();
      const token = await tokenOf('ada');
      const response = await agent[method]('/api/act')
        .set('x-user', 'ada')
        .set('x-csrf-token', token);
      expect(response.status).toBe(200);
      expect(acted).toEqual([method.toUpperCase()]);
    },
  );

  it('token as form field → carried out', async () => {
    const { agent, acted, tokenOf } = appWith();
    const form = { _csrf: await tokenOf('ada') };
    const response = await agent.post('/api/act').set('x-user', 'ada').type('form').send(form);
    expect(response.status).toBe(200);
    expect(acted).toEqual(['POST']);
  });

  it.each(['get', 'head', 'options'] as const)('%s → needs no token', async (method) => {
    const { agent } = appWith();
    const response = await agent[method]('/api/act').set('x-user', 'ada');
    expect(response.status).toBe(200);
  });

  it.each(['post', 'put', 'patch', 'delete'] as const)('%s without token → 403', async (method) => {
    const { agent, acted } = appWith();
    const response = await agent[method]('/api/act').set('x-user', 'ada');
    expect(response.status).toBe(403);
    expect(codeOf(response)).toBe('csrf_token_invalid');
    expect(acted).toEqual([]);
  });

  it("another user's token, a shortened one, one of another secret, an empty one → 403", async () => {
    const { agent, acted, tokenOf } = appWith();
    const good = await tokenOf('ada');
    const foreign = await appWith({ secret: 'csrf-secret-2' }).tokenOf('ada');
    for (const token of [await tokenOf('bob'), good.slice(0, -1), `${good}A`, foreign, '']) {
      const response = await agent.post('/api/act').set('x-user', 'ada').set('x-csrf-token', token);
      expect(codeOf(response)).toBe('csrf_token_invalid');
    }
    expect(acted).toEqual([]);
  });

  it.each<[string, (token: string) => object]>([
    ['in an array', (token) => ({ _csrf: [token] })],
    ['in an object', (token) => ({ _csrf: { token } })],
    ['under another name', (token) => ({ csrf: token })],
  ])('token %s → 403', async (_where, bodyWith) => {
    const { agent, acted, tokenOf } = appWith();
    const body = bodyWith(await tokenOf('ada'));
    const response = await agent.post('/api/act').set('x-user', 'ada').send(body);
    expect(codeOf(response)).toBe('csrf_token_invalid');
    expect(acted).toEqual([]);
  });

  it('token in the query → 403: addresses end up in logs', async () => {
    const { agent, tokenOf } = appWith();
    const token = await tokenOf('ada');
    const path = `/api/act?_csrf=${token}&x-csrf-token=${token}`;
    expect((await agent.post(path).set('x-user', 'ada')).status).toBe(403);
  });

  it('a page that stood open for twelve hours → still good; for a day and more → 403', async () => {
    let now = Math.floor(NOW / (12 * HOUR)) * 12 * HOUR;
    const { agent, tokenOf } = appWith({ now: () => now });
    const token = await tokenOf('ada');
    const act = () => agent.post('/api/act').set('x-user', 'ada').set('x-csrf-token', token);
    now += 12 * HOUR;
    expect((await act()).status).toBe(200);
    now += 12 * HOUR - 1;
    expect((await act()).status).toBe(200);
    now += 1;
    expect((await act()).status).toBe(403);
  });

  it.each<[string, Record<string, string>]>([
    ['Sec-Fetch-Site cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['a sibling as Origin', { origin: 'https://other.example.com' }],
    ['our host by http', { origin: 'http://portal.example.com' }],
    ['our name with something behind', { origin: 'https://portal.example.com.evil.example' }],
    ['Origin null', { origin: 'null' }],
    ['Origin null and same-site', { origin: 'null', 'sec-fetch-site': 'same-site' }],
    ['our Origin, but cross-site', { origin: BASE_URL, 'sec-fetch-site': 'cross-site' }],
  ])('%s → 403, token or not, signed in or not', async (_what, headers) => {
    const { agent, acted, tokenOf } = appWith();
    const token = { 'x-user': 'ada', 'x-csrf-token': await tokenOf('ada') };
    for (const all of [headers, { ...headers, ...token }]) {
      const response = await agent.post('/api/act').set(all);
      expect(response.status).toBe(403);
      expect(codeOf(response)).toBe('foreign_origin');
    }
    expect(acted).toEqual([]);
  });

  it.each<[string, Record<string, string>]>([
    ['our Origin', { origin: BASE_URL, 'sec-fetch-site': 'same-origin' }],
    ['another name of this server', { origin: 'http://localhost:3000', host: 'localhost:3000' }],
    ['no metadata at all', {}],
  ])('%s, with the token → carried out', async (_what, headers) => {
    const { agent, tokenOf } = appWith();
    const token = { 'x-user': 'ada', 'x-csrf-token': await tokenOf('ada') };
    expect((await agent.post('/api/act').set({ ...headers, ...token })).status).toBe(200);
  });
});

describe('navigationOf', () => {
  const app = express();
  app.get('/', (req, res) => res.send(navigationOf(req, BASE_URL)));

  it.each<[string, Record<string, string>, string]>([
    ['no metadata', {}, 'deliberate'],
    ['typed', { 'sec-fetch-site': 'none', 'sec-fetch-dest': 'document' }, 'deliberate'],
    [
      'clicked here',
      { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'document' },
      'deliberate',
    ],
    [
      'clicked elsewhere',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
      'foreign',
    ],
    ['cross-site, nothing else', { 'sec-fetch-site': 'cross-site' }, 'foreign'],
    ['image', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'image' }, 'embedded'],
    ['image of ours', { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'image' }, 'embedded'],
    ['frame', { 'sec-fetch-dest': 'iframe' }, 'embedded'],
    ['fetch', { 'sec-fetch-dest': 'empty' }, 'embedded'],
    ['prefetch', { 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch' }, 'embedded'],
    ['prerender', { 'sec-purpose': 'prefetch;prerender' }, 'embedded'],
    ['prefetch of an older browser', { purpose: 'prefetch' }, 'embedded'],
    ['clicked here in an older browser', { referer: `${BASE_URL}/portal` }, 'deliberate'],
    ['the same, under another name', { host: 'a.test', referer: 'http://a.test/' }, 'deliberate'],
    ['clicked elsewhere in an older browser', { referer: 'https://evil.example/' }, 'foreign'],
    ['a referer that is no URL', { referer: '-' }, 'deliberate'],
    [
      'clicked here, and a referer that says otherwise',
      { 'sec-fetch-site': 'same-origin', referer: 'https://evil.example/' },
      'deliberate',
    ],
  ])('%s → as it was meant', async (_what, headers, expected) => {
    expect((await supertest(app).get('/').set(headers)).text).toBe(expected);
  });
});

describe('securityHeaders', () => {
  function appWith(https: boolean): Express {
    const app = express();
    app.disable('x-powered-by');
    app.use(settingHeaders(securityHeaders({ https, formTargets: ['https://id.example'] })));
    app.use(settingHeaders(noStore));
    app.get('/', (_req, res) => res.send('<p>'));
    app.get('/static', (_req, res) => res.set('Cache-Control', 'max-age=1').send('x'));
    return app;
  }

  it('https → nothing frames, sniffs, caches us, or loads from elsewhere', async () => {
    const response = await supertest(appWith(true)).get('/');
    expect(response.get('Content-Security-Policy')?.split(';').sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "font-src 'self'",
      "form-action 'self' https://id.example",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "script-src 'self'",
      "style-src 'self'",
      'upgrade-insecure-requests',
    ]);
    expect(response.get('Strict-Transport-Security')).toBe('max-age=63072000');
    expect(response.get('X-Content-Type-Options')).toBe('nosniff');
    expect(response.get('X-Frame-Options')).toBe('DENY');
    expect(response.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
    expect(response.get('Cross-Origin-Resource-Policy')).toBe('same-origin');
    expect(response.get('Referrer-Policy')).toMatch(/^(no-referrer|same-origin)$/);
    expect(response.get('Cache-Control')).toBe('no-store');
  });

  it('any origin asks → no CORS header', async () => {
    const response = await supertest(appWith(true)).get('/').set('Origin', 'https://evil.example');
    const cors = Object.keys(response.headers as object).filter((name) =>
      name.startsWith('access-control-'),
    );
    expect(cors).toEqual([]);
  });

  it('http on this machine → the browser is not told to insist on https', async () => {
    const response = await supertest(appWith(false)).get('/');
    expect(response.get('Strict-Transport-Security')).toBeUndefined();
    expect(response.get('Content-Security-Policy')).not.toContain('upgrade-insecure-requests');
    expect(response.get('Content-Security-Policy')).toContain("frame-ancestors 'none'");
  });

  it('a route with a cache rule of its own → keeps it', async () => {
    const response = await supertest(appWith(true)).get('/static');
    expect(response.get('Cache-Control')).toBe('max-age=1');
  });
});

describe('formTargets', () => {
  const at = (authorizeUrl: string, redirectUri = `${BASE_URL}/oauth/callback`) =>
    registrationOf({ redirectUri, server: { authorizeUrl } });

  it.each([
    [
      'https://us-snd.fullscript.io/oauth/authorize',
      ['https://us-snd.fullscript.io', 'https://*.fullscript.io'],
    ],
    [
      'https://api-us.fullscript.com/api/oauth/authorize',
      ['https://api-us.fullscript.com', 'https://*.fullscript.com'],
    ],
    ['https://notfullscript.com/authorize', ['https://notfullscript.com']],
    ['https://x.fullscript.com.evil.example/', ['https://x.fullscript.com.evil.example']],
    ['http://127.0.0.1:4000/api/oauth/authorize', ['http://127.0.0.1:4000']],
  ])('authorize page at %s → its origin, and where Fullscript may lead from it', (url, origins) => {
    expect(formTargets([at(url)])).toEqual([...origins, BASE_URL]);
  });

  it('several registrations → each origin once', () => {
    const url = 'https://id.example/authorize';
    expect(formTargets([at(url), at(url), at(url, 'http://localhost:1/cb')])).toEqual([
      'https://id.example',
      BASE_URL,
      'http://localhost:1',
    ]);
  });
});

describe('requestId', () => {
  const app = express();
  app.use(requestId());
  app.get('/', (_req, res) => res.send(requestIdOf(res)));

  it.each(['abcd-123', 'x.y_Z-0123456789', 'a'.repeat(64)])(
    'caller sends %s → kept',
    async (id) => {
      const response = await supertest(app).get('/').set('X-Request-Id', id);
      expect([response.text, response.get('X-Request-Id')]).toEqual([id, id]);
    },
  );

  it.each(['short-7', 'a'.repeat(65), 'has blank', 'quote"12345', '<b>12345</b>', 'a/b/c/d/e'])(
    'caller sends %s → one of ours',
    async (id) => {
      const response = await supertest(app).get('/').set('X-Request-Id', id);
      expect(response.text).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
      expect(response.get('X-Request-Id')).toBe(response.text);
    },
  );

  it('caller sends none → a different one each time', async () => {
    const agent = supertest(app);
    const [a, b] = [await agent.get('/'), await agent.get('/')];
    expect(a.text).toMatch(/^[\da-f-]{36}$/);
    expect(a.text).not.toBe(b.text);
  });
});

describe('requestLog', () => {
  /** An app and its next line. */
  function appWith(handler: RequestHandler) {
    const lines: RequestLine[] = [];
    let reported: (line: RequestLine) => void = () => undefined;
    const line = new Promise<RequestLine>((resolve) => {
      reported = resolve;
    });
    const app = express();
    app.use(requestId());
    app.use(
      requestLog((one) => {
        lines.push(one);
        reported(one);
      }),
    );
    app.use('/oauth', handler);
    return { app, line, lines };
  }

  it('an answer → one line: id, method, path, status, time; never the query', async () => {
    const { app, line, lines } = appWith((_req, res) => void res.status(418).send('x'));
    const path = '/oauth/callback?code=code-77f1&state=state-90ab';
    await supertest(app).post(path).set('X-Request-Id', 'request-1');
    const { ms, ...rest } = await line;
    expect(rest).toEqual({
      requestId: 'request-1',
      method: 'POST',
      path: '/oauth/callback',
      status: 418,
    });
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toMatch(/code-77f1|state-90ab/);
  });

  it('an endless path → cut', async () => {
    const { app, line } = appWith((_req, res) => void res.end());
    await supertest(app).get(`/oauth/${'x'.repeat(500)}`);
    expect((await line).path).toBe(`/oauth/${'x'.repeat(193)}`);
  });

  it.each([
    ['/portal/patients/8d1c6a52-0f1e', '/portal/patients/:id'],
    [
      '/api/fullscript/clinic/patients/17/orders?page=2',
      '/api/fullscript/clinic/patients/:id/orders',
    ],
    ['/portal/patients/a%20b1', '/portal/patients/:id'],
    ['/oauth/authorize?state=s', '/oauth/authorize'],
  ])('%s → %s, without the id of a patient', async (path, shown) => {
    const { app, line } = appWith((_req, res) => void res.send('ok'));
    await supertest(app).get(path);
    expect(await line).toMatchObject({ path: shown });
  });

  it.each<[string, RequestHandler]>([
    ['before the answer', (req) => void req.socket.emit('test-arrived')],
    [
      'in the middle of the answer',
      (req, res) => void res.write('half', () => req.socket.emit('test-arrived')),
    ],
  ])('the caller goes away %s → 499', async (_when, handler) => {
    const { app, line } = appWith(handler);
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const arrived = once(server, 'connection').then(([socket]) => {
      return once(socket as NodeJS.EventEmitter, 'test-arrived');
    });
    const { port } = server.address() as AddressInfo;
    const call = httpGet({ port, host: '127.0.0.1', path: '/oauth/authorize?state=s' });
    call.on('error', () => undefined);
    await arrived;
    call.destroy();
    const reported = await line;
    server.close();
    expect(reported).toMatchObject({ status: 499, path: '/oauth/authorize' });
  });
});

/** What each code is answered with. Written out, so that a change in the table is a change here. */
const STATUS: Record<ErrorCode, number> = {
  state_missing: 400,
  state_unknown: 400,
  parameter_duplicated: 400,
  code_missing: 400,
  issuer_mismatch: 400,
  access_denied: 403,
  authorization_failed: 502,
  invalid_grant: 400,
  resource_owner_missing: 502,
  token_rejected: 401,
  resource_owner_unknown_type: 403,
  user_disabled: 403,
  registration_unknown: 404,
  navigation_refused: 403,
  not_signed_in: 401,
  grant_not_found: 401,
  needs_reconnect: 401,
  refresh_busy: 503,
  store_unavailable: 503,
  resource_owner_changed: 502,
  sealing_key_missing: 500,
  seal_broken: 500,
  invalid_client: 502,
  invalid_request: 502,
  unauthorized_client: 502,
  unsupported_grant_type: 502,
  invalid_scope: 502,
  unsupported_token_type: 502,
  invalid_response: 502,
  rate_limited: 503,
  server_error: 502,
  unreachable: 502,
  no_answer: 504,
  fullscript_unauthorized: 401,
  fullscript_forbidden: 403,
  fullscript_not_found: 404,
  fullscript_rate_limited: 503,
  fullscript_refused: 502,
  fullscript_unavailable: 502,
  fullscript_unreachable: 502,
  fullscript_timeout: 504,
  fullscript_unexpected: 502,
  csrf_token_invalid: 403,
  foreign_origin: 403,
  path_refused: 400,
  not_found: 404,
  bad_request: 400,
  payload_too_large: 413,
  too_many_requests: 429,
  live_streams_full: 503,
  unsupported_media_type: 415,
  internal_error: 500,
};

/** The button of an error page on a GET. */
const WAYS_OUT: Record<WayForward, { href: string; label: string }> = {
  start_again: { href: '/', label: 'Start again' },
  reconnect: { href: '/oauth/authorize', label: 'Connect again' },
  retry: { href: '', label: 'Try again' },
  renew: { href: '', label: 'Try again' },
  home: { href: '/', label: 'Back to the start' },
  operator: { href: '/', label: 'Back to the start' },
  ask: { href: '/', label: 'Back to the start' },
};

describe('errorHandler', () => {
  interface Report {
    error: unknown;
    code: ErrorCode;
    status: number;
    requestId: string;
  }

  /** An app whose every route fails with the error; pages show their view as JSON. */
  function failingWith(error: unknown, options: { sendFirst?: string } = {}) {
    const reports: Report[] = [];
    const app = express();
    app.set('views', join(process.cwd(), 'views'));
    app.set('view engine', 'ejs');
    app.engine('ejs', (_path, view, done) => {
      done(null, JSON.stringify((view as { page: ErrorView }).page));
    });
    app.use(requestId());
    app.use((_req, res) => {
      if (options.sendFirst !== undefined) res.write(options.sendFirst);
      throw error;
    });
    app.use(errorHandler({ report: (report) => reports.push(report) }));
    const left: unknown[] = [];
    // eslint-disable-next-line max-params -- Express tells error handlers by their four parameters
    app.use(((failure, _req, _res, next) => {
      left.push(failure);
      next(failure);
    }) as ErrorRequestHandler);
    return { agent: supertest(app), reports, left };
  }

  const coded = (code: string) => Object.assign(new Error('for the log only'), { code });

  it.each(Object.entries(STATUS) as [ErrorCode, number][])(
    '%s → %i as problem JSON below /api/, as a page elsewhere',
    async (code, status) => {
      const { title, detail, way } = ERROR_TABLE[code];
      const { agent, reports } = failingWith(coded(code));
      const problem = await agent.get('/api/x?y=1').set('X-Request-Id', 'request-1');
      expect(problem.status).toBe(status);
      expect(problem.get('Content-Type')).toBe('application/problem+json; charset=utf-8');
      expect(JSON.parse(problem.text)).toEqual({
        type: 'about:blank',
        title,
        status,
        detail,
        code,
        requestId: 'request-1',
      });
      const page = await agent.get('/portal/api/x').set('X-Request-Id', 'request-2');
      expect(page.status).toBe(status);
      expect(page.get('Content-Type')).toBe('text/html; charset=utf-8');
      expect(JSON.parse(page.text)).toEqual({
        title,
        detail,
        ...WAYS_OUT[way],
        code,
        requestId: 'request-2',
        // The page asks by itself whether the store is back.
        ...(code === 'store_unavailable' ? { retry: '2' } : {}),
      });
      expect(problem.text + page.text).not.toContain('for the log only');
      expect(reports.map((one) => [one.code, one.status, one.requestId])).toEqual([
        [code, status, 'request-1'],
        [code, status, 'request-2'],
      ]);
    },
  );

  it.each<[string, Error, ErrorCode]>([
    ['nobody signed in', new NotSignedInError(), 'not_signed_in'],
    ['CSRF', new CsrfError('foreign_origin'), 'foreign_origin'],
    ['route', new RouteError('registration_unknown'), 'registration_unknown'],
    ['callback', new AuthorizationResponseError('access_denied', 'x'), 'access_denied'],
    ['token endpoint', new TokenEndpointError('no_answer'), 'no_answer'],
    ['resource API', new FullscriptApiError('fullscript_timeout'), 'fullscript_timeout'],
    ['grant', new GrantNotFoundError(), 'grant_not_found'],
    ['store', new StoreUnavailableError('read', new Error('x')), 'store_unavailable'],
    ['body too large', Object.assign(new Error(), { status: 413 }), 'payload_too_large'],
    ['body encoding', Object.assign(new Error(), { status: 415 }), 'unsupported_media_type'],
    ['another 4xx', Object.assign(new Error(), { status: 422 }), 'bad_request'],
    ['a 5xx of a library', Object.assign(new Error(), { status: 503 }), 'internal_error'],
    ['a status that is no number', Object.assign(new Error(), { status: '404' }), 'internal_error'],
    ["the system's code", Object.assign(new Error(), { code: 'ECONNRESET' }), 'internal_error'],
    ['a numeric code', Object.assign(new Error(), { code: 404 }), 'internal_error'],
    ['a code of JavaScript', Object.assign(new Error(), { code: 'constructor' }), 'internal_error'],
    ['another one', Object.assign(new Error(), { code: 'toString' }), 'internal_error'],
  ])('error: %s → its code', (_what, error, code) => {
    expect(errorCode(error)).toBe(code);
  });

  it.each([['text'], [{ code: 'not_found' }], [42]])(
    '%j thrown → internal_error',
    async (value) => {
      const { agent, reports } = failingWith(value);
      const response = await agent.get('/api/x');
      expect(response.status).toBe(500);
      expect(reports).toMatchObject([{ error: value, code: 'internal_error', status: 500 }]);
    },
  );

  it.each([
    [1, '1'],
    [41_001, '42'],
  ])('a limit for %i ms more → the page says how long', async (ms, expected) => {
    const page = await failingWith(new TooManyRequestsError(ms)).agent.get('/portal');
    expect((JSON.parse(page.text) as ErrorView).wait).toBe(expected);
  });

  it('an error nobody foresaw → 500, its message for the report and not for the answer', async () => {
    const error = new TypeError('password hunter2 in /srv/app.js');
    const { agent, reports } = failingWith(error);
    const [problem, page] = [await agent.get('/api/x'), await agent.get('/portal')];
    for (const response of [problem, page]) {
      expect(response.status).toBe(500);
      expect(response.text).toContain('internal_error');
      expect(response.text).not.toMatch(/hunter2|app\.js|TypeError/);
    }
    expect(reports.map((one) => one.error)).toEqual([error, error]);
  });

  it('the address is malformed → 400, by Express itself', async () => {
    const app = express();
    app.use(requestId());
    app.get('/api/:id', (_req, res) => res.send('x'));
    app.use(errorHandler({ report: () => undefined }));
    const response = await supertest(app).get('/api/%');
    expect(response.status).toBe(400);
    expect(response.text).toContain('"bad_request"');
  });

  it('a body too large or no JSON → 413, 400', async () => {
    const app = express();
    app.use(requestId(), express.json({ limit: 20 }));
    app.use(errorHandler({ report: () => undefined }));
    const send = (text: string) => supertest(app).post('/api/x').type('json').send(text);
    expect((await send(JSON.stringify('x'.repeat(30)))).status).toBe(413);
    const broken = await send('{"secret');
    expect(broken.status).toBe(400);
    expect(broken.text).not.toContain('secret');
  });

  it('headers are out already → the connection is cut, and the failure reported once', async () => {
    const error = new Error('late');
    const { agent, reports, left } = failingWith(error, { sendFirst: 'half' });
    const failure = await rejection(agent.get('/api/x').then((response) => response.text));
    expect(failure).toMatchObject({ code: 'ECONNRESET' });
    expect(reports).toMatchObject([{ error, code: 'internal_error' }]);
    // Express would print it past the log.
    expect(left).toEqual([]);
  });

  it.each<[string, Error, string | undefined]>([
    [
      'token endpoint says 1.5 s',
      new TokenEndpointError('rate_limited', { retryAfterMs: 1_500 }),
      '2',
    ],
    ['token endpoint says nothing', new TokenEndpointError('rate_limited'), '2'],
    ['API says 30', new FullscriptApiError('fullscript_rate_limited', { retryAfter: '30' }), '30'],
    [
      'API says a date',
      new FullscriptApiError('fullscript_rate_limited', { retryAfter: 'Mon, 23' }),
      '2',
    ],
    [
      'API says two lines',
      new FullscriptApiError('fullscript_rate_limited', { retryAfter: '1\r\nx: y' }),
      '2',
    ],
    ['store', new StoreUnavailableError('read', undefined), '2'],
    ['a refresh elsewhere', coded('refresh_busy'), '2'],
    ['502', new TokenEndpointError('server_error', { status: 503, retryAfterMs: 1_000 }), '1'],
    ['500', new Error('x'), undefined],
    ['404', new RouteError('not_found'), undefined],
    ['a limit of ours', new TooManyRequestsError(41_001), '42'],
  ])('%s → Retry-After where it helps to come back', async (_what, error, expected) => {
    const response = await failingWith(error).agent.get('/api/x');
    expect(response.get('Retry-After')).toBe(expected);
  });
});

describe('ERROR_TABLE', () => {
  it('every code → listed in this test, with words for a person', () => {
    expect(Object.keys(ERROR_TABLE).sort()).toEqual(Object.keys(STATUS).sort());
    const rows = Object.values(ERROR_TABLE);
    expect(rows.filter(({ title, detail }) => title === '' || !detail.endsWith('.'))).toEqual([]);
  });
});

describe('sessionTtl', () => {
  const lifetime = { idleMs: 8 * HOUR, maxMs: 168 * HOUR };
  const data = { signIn: { key: ADA, at: NOW } };

  it.each([
    ['just signed in', 0, 8 * HOUR],
    ['in the middle', 80 * HOUR, 8 * HOUR],
    ['eight hours before the absolute limit', 160 * HOUR, 8 * HOUR],
    ['an hour before it', 167 * HOUR, HOUR],
    ['1 ms before it', 168 * HOUR - 1, 1],
    ['at it', 168 * HOUR, 1],
    ['long after it', 1000 * HOUR, 1],
  ])('%s → the shorter of the two limits', (_when, later, expected) => {
    expect(sessionTtl(data, { ...lifetime, now: NOW + later })).toBe(expected);
  });
});

describe('sessionOwner', () => {
  it('signed in → the name of the grant, so that both are found together', () => {
    expect(sessionOwner({ signIn: { key: ADA, at: NOW } })).toBe(grantId(ADA));
    expect(sessionOwner({ signIn: { key: ADA, at: NOW } })).toBe(
      'us-sandbox:Practitioner:ada-0b6a2d8e',
    );
  });

  it('nobody → nothing', () => {
    expect(sessionOwner({})).toBeUndefined();
  });

  it.each(['a:b', '*', '{x}', 'é', '..', "'()!~"])('id %s → cannot pass for another name', (id) => {
    const key: GrantKey = { ...ADA, owner: { id, type: 'Staff' } };
    expect(sessionOwner({ signIn: { key, at: NOW } })).toMatch(/^us-sandbox:Staff:[\w%.-]+$/);
  });
});

describe('sessions', () => {
  function appWith(
    options: { secure?: boolean; forgetful?: boolean; admit?: () => Promise<void> } = {},
  ) {
    const { secure = false, forgetful = true, admit = () => Promise.resolve() } = options;
    const clock = { now: NOW };
    const lifetime = { idleMs: 8 * HOUR, maxMs: 24 * HOUR };
    const now = () => clock.now;
    const store = createMemorySessionStore({
      ttlMs: (data) => (forgetful ? sessionTtl(data, { ...lifetime, now: now() }) : 1000 * HOUR),
      ownerOf: sessionOwner,
      signedInAt: sessionStart,
      now,
    });
    const app = express();
    app.set('trust proxy', 1);
    app.use(sessions({ store, secrets: ['secret-2', 'secret-1'], secure, lifetime, now }));
    app.get('/in', async (req, res) => {
      await startSession(req, { key: ADA, at: now() }, admit);
      res.send(req.sessionID);
    });
    app.get('/out', async (req, res) => {
      await endSession(req);
      res.end();
    });
    app.get('/who', (req, res) => res.send(signedIn(req)?.key.owner.id ?? 'nobody'));
    const agent = supertest(app);
    const signIn = async (cookie = '') => {
      const response = await agent.get('/in').set('Cookie', cookie);
      return {
        id: response.text,
        lines: cookiesOf(response),
        cookie: sentBack(cookiesOf(response)),
      };
    };
    const who = async (cookie: string) => (await agent.get('/who').set('Cookie', cookie)).text;
    return { agent, clock, store, signIn, who };
  }

  it('nobody signed in → no cookie', async () => {
    const { agent } = appWith();
    expect(cookiesOf(await agent.get('/who'))).toEqual([]);
  });

  it('sign-in → one cookie, HttpOnly, Lax, Path=/, no Domain, and it works', async () => {
    const { signIn, who } = appWith();
    const { lines, cookie } = await signIn();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^fc_session=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    );
    expect(await who(cookie)).toBe('ada-0b6a2d8e');
  });

  it('https behind a proxy → __Host- and Secure', async () => {
    const { agent } = appWith({ secure: true });
    const [line] = cookiesOf(await agent.get('/in').set('X-Forwarded-Proto', 'https'));
    expect(line).toMatch(
      /^__Host-fc_session=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  it('not admitted once the session is stored → no session and no cookie', async () => {
    const looks: number[] = [];
    const admit = async () => {
      looks.push((await store.list(grantId(ADA))).length);
      throw new UserDisabledError(ADA);
    };
    const { signIn, store } = appWith({ admit });
    const { lines } = await signIn();
    expect(looks).toEqual([1]);
    expect(lines).toEqual([]);
    expect(await store.list(grantId(ADA))).toEqual([]);
  });

  it('signed in again → another id, and the old cookie is dead', async () => {
    const { signIn, who } = appWith();
    const first = await signIn();
    const second = await signIn(first.cookie);
    expect(second.id).not.toBe(first.id);
    expect(await who(first.cookie)).toBe('nobody');
    expect(await who(second.cookie)).toBe('ada-0b6a2d8e');
  });

  it.each(['planted-id', 's%3Aplanted-id.signature'])(
    'cookie %s planted before sign-in → never adopted',
    async (planted) => {
      const { signIn, who } = appWith();
      const { id } = await signIn(`fc_session=${planted}`);
      expect(id).toMatch(/^[\w-]{43}$/);
      expect(await who(`fc_session=${planted}`)).toBe('nobody');
    },
  );

  it('signed out → a copy of the cookie is worth nothing', async () => {
    const { agent, signIn, who } = appWith();
    const { cookie } = await signIn();
    await agent.get('/out').set('Cookie', cookie);
    expect(await who(cookie)).toBe('nobody');
  });

  it('all sessions of the user ended → none works', async () => {
    const { signIn, store, who } = appWith();
    const [a, b] = [await signIn(), await signIn()];
    expect(await store.endAll(grantId(BOB))).toBe(0);
    expect(await store.endAll(grantId(ADA))).toBe(2);
    expect([await who(a.cookie), await who(b.cookie)]).toEqual(['nobody', 'nobody']);
  });

  it('requests all the time → the absolute limit holds all the same', async () => {
    const { clock, signIn, who } = appWith();
    const { cookie } = await signIn();
    for (let hour = 6; hour < 24; hour += 6) {
      clock.now = NOW + hour * HOUR;
      expect(await who(cookie)).toBe('ada-0b6a2d8e');
    }
    clock.now = NOW + 24 * HOUR;
    expect(await who(cookie)).toBe('nobody');
  });

  it('a store that keeps sessions for longer → the absolute limit holds all the same', async () => {
    const { clock, signIn, who } = appWith({ forgetful: false });
    const { cookie } = await signIn();
    clock.now = NOW + 24 * HOUR - 1;
    expect(await who(cookie)).toBe('ada-0b6a2d8e');
    clock.now = NOW + 24 * HOUR;
    expect(await who(cookie)).toBe('nobody');
    clock.now = NOW;
    expect(await who(cookie)).toBe('nobody');
  });

  it('a session at its absolute limit comes to sign in → signs in', async () => {
    const { agent, clock, signIn, who } = appWith({ forgetful: false });
    const { cookie } = await signIn();
    clock.now = NOW + 24 * HOUR;
    const response = await agent.get('/in').set('Cookie', cookie);
    expect(response.status).toBe(200);
    expect(await who(sentBack(cookiesOf(response)))).toBe('ada-0b6a2d8e');
  });

  it('no request for longer than the idle limit → over', async () => {
    const { clock, signIn, who } = appWith();
    const { cookie } = await signIn();
    clock.now = NOW + 8 * HOUR + 1;
    expect(await who(cookie)).toBe('nobody');
  });
});

describe('createMetrics', () => {
  it('a request → counted by method and status, in seconds', async () => {
    const { registry, request } = createMetrics({ version: '0.0.0' });
    request({ method: 'GET', status: 404, ms: 30 });
    const text = await registry.metrics();
    expect(text).toContain('http_request_duration_seconds_count{method="GET",status="404"} 1\n');
    expect(text).toContain('http_request_duration_seconds_sum{method="GET",status="404"} 0.03\n');
  });

  it('sign-ins → counted by outcome', async () => {
    const { registry, signIn } = createMetrics({ version: '0.0.0' });
    for (const outcome of ['success', 'access_denied', 'success']) signIn(outcome, 20);
    const text = await registry.metrics();
    expect(text).toContain('fullscript_sign_ins_total{outcome="success"} 2\n');
    expect(text).toContain('fullscript_sign_ins_total{outcome="access_denied"} 1\n');
  });

  it('refused requests → counted by the limit', async () => {
    const metrics = createMetrics({ version: '0.0.0' });
    metrics.rateLimited('start');
    metrics.rateLimited('start');
    expect(await metrics.registry.metrics()).toContain(
      'fullscript_rate_limited_total{limit="start"} 2',
    );
  });

  it('each event of a grant → counted by its name, without the user', async () => {
    const { registry, grants } = createMetrics({ version: '0.0.0' });
    const error = new Error('x');
    grants.connected(ADA);
    grants.refreshed(ADA, 250);
    grants.refreshFailed(ADA, error);
    grants.earlyRefreshFailed(ADA, error);
    grants.reconnectNeeded(ADA, 'refresh_token_refused');
    grants.saveFailed(ADA, error);
    grants.latePairDiscarded(ADA);
    grants.revokeFailed(ADA.registration, error);
    grants.revocationConfirmed(ADA);
    grants.revocationGivenUp(ADA, error);
    grants.disconnected(ADA, 'revoked');
    const text = await registry.metrics();
    const counted = [...text.matchAll(/^fullscript_grant_events_total\{event="(\w+)"\} (\d+)$/gm)];
    expect(counted.map(([, event, times]) => `${String(event)} ${String(times)}`)).toEqual([
      'refreshed 1',
      'connected 1',
      'scope_missing 0',
      'refresh_failed 1',
      'early_refresh_failed 1',
      'reconnect_needed 1',
      'save_failed 1',
      'replayed 0',
      'late_pair_discarded 1',
      'revoke_failed 1',
      'revocation_confirmed 1',
      'revocation_given_up 1',
      'disconnected 1',
    ]);
    expect(text).toContain('fullscript_refresh_duration_seconds_sum 0.25\n');
    expect(text).not.toContain('ada-0b6a2d8e');
  });

  it('two of them → each with its own numbers, and the process ones', async () => {
    const [a, b] = [createMetrics({ version: '0.0.0' }), createMetrics({ version: '0.0.0' })];
    a.signIn('success', 20);
    expect(await b.registry.metrics()).toContain('outcome="success"} 0');
    expect(await b.registry.metrics()).toContain('process_resident_memory_bytes');
  });
});

describe('createAudit', () => {
  it('told where something was done → passes it on, and leaves it out of the line', () => {
    const { log, records, lines } = recordingLogger();
    const told: unknown[] = [];
    const visitor = { device: 'Chrome on Windows', address: '203.0.113.9' };
    const details = { key: ADA, ...visitor, sessions: 2, message: 'ended' };
    const notes = [(event: string, all: unknown) => void told.push({ event, all })];
    createAudit({ log, ownerTag, notes })('sessions_ended', details);
    expect(told).toEqual([{ event: 'sessions_ended', all: details }]);
    expect(records()).toMatchObject([{ audit: 'sessions_ended', sessions: 2, msg: 'ended' }]);
    expect(lines.join('')).not.toMatch(/Chrome|203\.0|device|address|undefined|null/);
  });
});

describe('grantAudit', () => {
  it('each event → one line with level, tag and what matters, without the id', () => {
    const { log, lines, records } = recordingLogger();
    const events = grantAudit(createAudit({ log, ownerTag }));
    const error = Object.assign(new TokenEndpointError('no_answer'), {
      options: { json: { refresh_token: 'refresh-token-1' } },
    });
    events.connected(ADA);
    events.scopeMissing(ADA, ['patients:read']);
    events.refreshed(ADA, 250);
    events.refreshFailed(ADA, error);
    events.earlyRefreshFailed(ADA, error);
    events.reconnectNeeded(ADA, 'refresh_token_refused');
    events.saveFailed(ADA, error);
    events.latePairDiscarded(ADA);
    events.revokeFailed(ADA.registration, error);
    events.revocationConfirmed(ADA);
    events.revocationGivenUp(ADA, error);
    events.disconnected(ADA, 'retrying');
    const [info, warn, loud] = [30, 40, 50];
    expect(records().map(({ level }) => level)).toEqual([
      info,
      warn,
      info,
      warn,
      warn,
      warn,
      loud,
      warn,
      warn,
      info,
      loud,
      info,
    ]);
    const about = { registration: 'us-sandbox', ownerType: 'Practitioner', owner: ownerTag(ADA) };
    for (const record of records()) {
      const anonymous = record['msg'] === 'revocation failed';
      expect(record).toMatchObject(anonymous ? { registration: 'us-sandbox' } : about);
    }
    const err = { name: 'TokenEndpointError', code: 'no_answer' };
    const [
      ,
      narrower,
      refreshed,
      failed,
      early,
      reconnect,
      unsaved,
      ,
      unrevoked,
      ,
      givenUp,
      ended,
    ] = records();
    expect(narrower).toMatchObject({ audit: 'scope_missing', missing: ['patients:read'] });
    expect(refreshed).toMatchObject({ tookMs: 250 });
    for (const record of [failed, early, unsaved, unrevoked, givenUp]) {
      expect(record).toMatchObject({ err });
    }
    expect(reconnect).toMatchObject({ reason: 'refresh_token_refused' });
    expect(ended).toMatchObject({ outcome: 'retrying' });
    expect(lines.join('')).not.toMatch(/ada-0b6a2d8e|refresh-token-1/);
  });
});

describe('createLogger', () => {
  /** An error as HTTP and Redis clients make them: with everything hung on it. */
  function loaded(message: string): Error {
    return Object.assign(new Error(message), {
      code: 'ECONNRESET',
      options: { headers: { authorization: 'Bearer access-token-1' } },
      response: { body: '{"access_token":"access-token-2"}' },
      command: { name: 'set', args: ['key', 'sealed-record-1'] },
    });
  }

  const SECRETS = /access-token-1|access-token-2|sealed-record-1|client-secret-1/;

  it.each<[string, (log: ReturnType<typeof createLogger>) => void]>([
    ['as err', (log) => log.error({ err: loaded('broke') }, 'failed')],
    ['alone', (log) => log.error(loaded('broke'))],
    ['alone with a message', (log) => log.error(loaded('broke'), 'failed')],
    ['in a child', (log) => log.child({ a: 1 }).error({ err: loaded('broke') })],
    ['as a cause', (log) => log.error({ err: new Error('broke', { cause: loaded('inner') }) })],
    [
      'as one of several',
      (log) => log.error({ err: new AggregateError([loaded('inner')], 'broke') }),
    ],
  ])('an error with secrets hung on it, logged %s → shows none', (_how, act) => {
    const { log, lines, records } = recordingLogger();
    act(log);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(SECRETS);
    expect(records()[0]).toMatchObject({ level: 50, err: { message: 'broke' } });
  });

  it('an error → name, message, code, stack and the cause in one line', () => {
    const { log, records } = recordingLogger();
    const err = Object.assign(new RangeError('outer', { cause: new TypeError('inner') }), {
      code: 'some_code',
    });
    log.warn({ err }, 'failed');
    const shownError = records()[0]?.['err'] as Record<string, unknown>;
    expect(Object.keys(shownError).sort()).toEqual(['cause', 'code', 'message', 'name', 'stack']);
    expect(shownError).toMatchObject({
      name: 'RangeError',
      message: 'outer',
      code: 'some_code',
      cause: 'TypeError: inner',
    });
    expect(shownError['stack']).toContain('http.test.ts');
  });

  it.each<[unknown, string]>([
    ['text', 'text'],
    [{ token: 'access-token-1' }, '[object Object]'],
    [7, '7'],
  ])('%j as err → a message, nothing of its fields', (err, message) => {
    const { log, records } = recordingLogger();
    log.error({ err });
    expect(records()[0]?.['err']).toEqual({ message });
  });

  it('a secret among the fields → the placeholder', () => {
    const { log, lines } = recordingLogger();
    log.info({ token: secret('access-token-1') }, 'x');
    expect(lines[0]).toContain('"token":"[secret]"');
    expect(lines[0]).not.toMatch(SECRETS);
  });

  it('line breaks in what others sent → stay inside one line', () => {
    const { log, lines } = recordingLogger();
    log.info({ reason: 'x\r\n{"level":60}' }, 'a\nb');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.trimEnd()).not.toMatch(/[\r\n]/);
  });

  it('level → lower ones are left out, silent says nothing', () => {
    const [warn, silent] = [recordingLogger('warn'), recordingLogger('silent')];
    for (const { log } of [warn, silent]) {
      log.info('a');
      log.warn('b');
      log.fatal('c');
    }
    expect(warn.records().map(({ msg }) => msg)).toEqual(['b', 'c']);
    expect(silent.lines).toEqual([]);
  });

  it('a line → level, time and message, no host name and no process id', () => {
    const { log, records } = recordingLogger();
    log.info('x');
    expect(Object.keys(records()[0] ?? {}).sort()).toEqual(['level', 'msg', 'time']);
  });
});
