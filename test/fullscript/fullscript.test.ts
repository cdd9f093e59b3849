import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type ApiClient, createApiClient } from '../../src/fullscript/api-client.js';
import { apiUrlFor } from '../../src/fullscript/api-path.js';
import { getClinic, getResourceOwner } from '../../src/fullscript/clinic.js';
import { FullscriptApiError } from '../../src/fullscript/errors.js';
import { getJson } from '../../src/fullscript/json.js';
import { locationOf } from '../../src/fullscript/location.js';
import { type CallOutcome, retryDelay } from '../../src/fullscript/retry-policy.js';
import {
  type Answer,
  answering,
  closePeers,
  hangingUp,
  inTurn,
  type Peer,
  startPeer,
} from '../fixtures/peer.js';
import { rejection, shown, thrown } from '../fixtures/shown.js';
import { clientAt } from './client.js';

const TOKEN = 'access-token-41be77';
const NEXT_TOKEN = 'access-token-90cd18';

afterEach(closePeers);

/** A client of a peer, with a token source that writes down what it was asked. */
async function clientOf(
  answer: Answer,
  options: { timeoutMs?: number; replacing?: () => Promise<string> } = {},
): Promise<{ peer: Peer; api: ApiClient; rejected: string[]; waits: number[] }> {
  const { timeoutMs = 5_000, replacing = () => Promise.resolve(NEXT_TOKEN) } = options;
  const peer = await startPeer(answer);
  const rejected: string[] = [];
  const waits: number[] = [];
  const api = createApiClient({
    apiUrl: `${peer.origin}/api`,
    tokenSource: {
      current: () => Promise.resolve(TOKEN),
      replacing: (token) => {
        rejected.push(token);
        return replacing();
      },
    },
    timeoutMs,
    sleep: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
  });
  return { peer, api, rejected, waits };
}

function bearers(peer: Peer): unknown[] {
  return peer.received.map(({ headers }) => headers.authorization);
}

describe('apiUrlFor', () => {
  const base = 'https://api-us-snd.fullscript.io/api';

  it.each([
    '/clinic',
    '/clinic/',
    '/clinic/patients/5e20-91aa',
    '/clinic/patients/a%20b',
    '/clinic/patients/%C3%A9',
    '/clinic/patients/100%25',
    '/catalog/products.json',
    '/v2/x_y~z:1!$(a)*+,;=',
    '/clinic/oauthorized',
    '/clinic/oauth-apps',
    '/clinic/not-oauth;x=1',
    '/clinic/..a;b',
    '/clinic/a.',
    '/.well-known',
  ])('%s → below the base, as it is', (path) => {
    expect(apiUrlFor(base, path).href).toBe(`${base}${path}`);
  });

  it.each([
    ['another host', '//evil.example/clinic'],
    ['another host further in', '/clinic//evil.example'],
    ['userinfo', '@evil.example/clinic'],
    ['userinfo after the slash', '/@evil.example'],
    ['absolute URL', 'https://evil.example/clinic'],
    ['absolute URL below the base', '/https://evil.example/clinic'],
    ['port', ':8443/clinic'],
    ['suffix of the host', '.evil.example/clinic'],
    ['no slash', 'clinic'],
    ['nothing', ''],
    ['only the base', '/'],
    ['up', '/../admin'],
    ['up and back', '/clinic/../clinic'],
    ['up at the end', '/clinic/..'],
    ['here', '/./clinic'],
    ['three dots', '/.../clinic'],
    ['up, encoded', '/%2e%2e/admin'],
    ['up, half encoded', '/.%2E/admin'],
    ['up, encoded twice', '/%252e%252e/admin'],
    ['slash, encoded', '/clinic%2f..%2fadmin'],
    ['slash, encoded, upper case', '/clinic%2Fpatients'],
    ['slash, encoded twice', '/clinic%252fpatients'],
    ['slash, encoded three times', '/clinic%25252fpatients'],
    ['backslash', '/clinic\\patients'],
    ['backslash first', '\\\\evil.example'],
    ['backslash, encoded', '/%5c%5cevil.example'],
    ['backslash, encoded twice', '/clinic%255cpatients'],
    ['OAuth endpoints', '/oauth/token'],
    ['OAuth endpoints in another case', '/OAuth/token'],
    ['OAuth endpoints, a letter encoded', '/%6fauth/token'],
    ['OAuth endpoints, a letter encoded twice', '/%256fauth/token'],
    ['OAuth endpoints by a detour', '/clinic/../oauth/token'],
    ['OAuth endpoints by an encoded detour', '/clinic/%2e%2e/oauth/token'],
    ['OAuth endpoints alone', '/oauth'],
    ['OAuth endpoints deeper', '/v2/oauth/revoke'],
    ['OAuth endpoints with a slash at the end', '/oauth/token/'],
    ['OAuth endpoints with a parameter', '/oauth;x=1/token'],
    ['OAuth endpoints with an empty parameter', '/oauth;/token'],
    ['OAuth endpoints with an encoded parameter', '/oauth%3Bx=1/token'],
    ['OAuth endpoints with a dot', '/oauth./token'],
    ['OAuth endpoints with dots, encoded', '/OAuth%2e%2E/token'],
    ['OAuth endpoints with an ending', '/oauth.json'],
    ['OAuth endpoints with a blank', '/oauth%20/token'],
    ['OAuth endpoints with a plus, which some read as a blank', '/+oauth+/token'],
    ['OAuth endpoints with a comma', '/oauth,v1/token'],
    ['OAuth endpoints with a null that ends the name', '/oauth%00x/token'],
    ['OAuth endpoints deeper, with a parameter', '/v2/oauth;v=2/revoke'],
    ['up with a parameter', '/clinic/..;/admin'],
    ['up with a parameter that has a value', '/clinic/..;x=1/admin'],
    ['up with an encoded parameter', '/clinic/%2e%2e%3bx/admin'],
    ['up with a blank', '/clinic/..%20;x/admin'],
    ['here with a parameter', '/.;x/clinic'],
    ['line break', '/clinic\r\nHost: evil.example'],
    ['tab', '/cli\tnic'],
    ['tab that hides up', '/.\t./admin'],
    ['null', '/clinic\0'],
    ['line break, encoded', '/clinic%0d%0ax'],
    ['null, encoded', '/clinic%00'],
    ['C1 control, encoded', '/clinic%C2%85'],
    ['query inside the path', '/clinic?x=1'],
    ['fragment', '/clinic#x'],
    ['space', '/clinic patients'],
    ['unicode that is not encoded', '/clinic/é'],
    ['half an escape', '/clinic/%'],
    ['bytes that are no UTF-8', '/clinic/%ff'],
  ])('%s → refused', (_what, path) => {
    expect(thrown(() => apiUrlFor(base, path))).toMatchObject({
      name: 'ApiPathError',
      code: 'path_refused',
    });
  });

  it.each([
    'page%5Bnumber%5D=1&page%5Bsize%5D=50',
    'q=a%20b+c%2Fd&empty=&flag&x=%E2%9C%93',
    'sort=name,-id&at=2026-01-01T00:00:00Z&u=https://h/?a=b',
    'a=1&a=2&a=1',
    'p=%2e%2e/%2f..',
  ])('query %s → byte for byte', (query) => {
    expect(apiUrlFor(base, '/clinic', query).href).toBe(`${base}/clinic?${query}`);
  });

  it('query that tries to become a fragment or a line → stays a query', () => {
    const url = apiUrlFor(base, '/clinic', 'a=1#x\r\nHost: evil');
    expect(url.hash).toBe('');
    expect(url.search).toBe('?a=1%23xHost:%20evil');
    expect(url.origin).toBe('https://api-us-snd.fullscript.io');
  });
});

describe('retryDelay', () => {
  it.each<[string, number, string, CallOutcome, number | undefined]>([
    ['GET 502', 1, 'GET', 502, 150],
    ['GET 503', 1, 'GET', 503, 150],
    ['GET 504', 1, 'GET', 504, 150],
    ['GET without answer', 1, 'GET', 'connection_lost', 150],
    ['HEAD without answer', 1, 'HEAD', 'connection_lost', 150],
    ['GET 503 again', 2, 'GET', 503, undefined],
    ['GET without answer again', 2, 'GET', 'connection_lost', undefined],
    ['GET timed out', 1, 'GET', 'given_up', undefined],
    ['GET 500', 1, 'GET', 500, undefined],
    ['GET 429', 1, 'GET', 429, undefined],
    ['GET 401', 1, 'GET', 401, undefined],
    ['GET 200', 1, 'GET', 200, undefined],
    ['POST 503', 1, 'POST', 503, undefined],
    ['POST without answer', 1, 'POST', 'connection_lost', undefined],
    ['PUT without answer', 1, 'PUT', 'connection_lost', undefined],
    ['PATCH 503', 1, 'PATCH', 503, undefined],
    ['DELETE 503', 1, 'DELETE', 503, undefined],
  ])('%s → waits, or does not', (...[, attempt, method, outcome, wait]) => {
    expect(retryDelay({ attempt, method, outcome })).toBe(wait);
  });
});

describe('createApiClient', () => {
  const body = Buffer.from('{"name":"Zoé-5d"}');
  const post = { method: 'POST', path: '/clinic/patients', body, contentType: 'application/json' };

  it('GET → bearer in the header alone, path below the base, answer as it came', async () => {
    const headers = { 'x-request-id': 'fs-1', 'retry-after': '9', 'content-type': 'text/plain' };
    const { peer, api, rejected } = await clientOf(answering(418, 'teapot é', headers));
    const answer = await api.request({ method: 'GET', path: '/clinic' });
    expect(answer).toEqual({
      status: 418,
      contentType: 'text/plain',
      requestId: 'fs-1',
      retryAfter: '9',
      location: undefined,
      headers: {},
      body: Buffer.from('teapot é'),
    });
    expect(peer.received).toHaveLength(1);
    expect(peer.received[0]).toMatchObject({ method: 'GET', url: '/api/clinic', body: '' });
    expect(peer.received[0]?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      accept: 'application/json',
    });
    expect(peer.received[0]?.headers).not.toHaveProperty('cookie');
    expect(peer.received[0]?.headers).not.toHaveProperty('content-type');
    expect(rejected).toEqual([]);
  });

  it('an answer that does not end → given up, and not asked for again', async () => {
    const megabyte = Buffer.alloc(1024 * 1024);
    const { peer, api } = await clientOf((res) => {
      const more = (): unknown => res.destroyed || res.write(megabyte, more);
      more();
    });
    await expect(api.request({ method: 'GET', path: '/clinic' })).rejects.toMatchObject({
      code: 'fullscript_unexpected',
    });
    expect(peer.received).toHaveLength(1);
  });

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('%s → sent as such', async (method) => {
    const { peer, api } = await clientOf(answering(204));
    const answer = await api.request({ method, path: '/clinic/patients/1' });
    expect(answer).toMatchObject({ status: 204, body: Buffer.alloc(0) });
    expect(peer.received.map((one) => one.method)).toEqual([method]);
  });

  it('bytes that are no text → back as they were', async () => {
    const bytes = Buffer.from([0, 255, 128, 10, 13]);
    const { api } = await clientOf((res) => res.writeHead(200).end(bytes));
    const answer = await api.request({ method: 'GET', path: '/labs/1/pdf' });
    expect(answer.body).toEqual(bytes);
    expect(answer.contentType).toBeUndefined();
  });

  it.each<[string, Answer]>([
    ['body', answering(500, `<pre>Authorization: Bearer ${TOKEN}</pre>`)],
    ['header', answering(429, '', { 'retry-after': TOKEN })],
    ['header of another name', answering(200, '', { 'content-disposition': `x; a="${TOKEN}"` })],
    ['location', answering(302, '', { location: `https://files.example/?a=${TOKEN}` })],
    ['body after a 401', inTurn(answering(401), answering(200, { token: NEXT_TOKEN }))],
  ])('an answer that repeats the bearer in its %s → goes no further', async (_where, answer) => {
    const { api } = await clientOf(answer);
    const error = await rejection(api.request({ method: 'POST', path: '/clinic' }));
    expect(error).toMatchObject({ code: 'fullscript_unexpected' });
    expect(shown(error)).not.toMatch(/access-token-/);
  });

  it('a bearer that is percent-encoded in a location → goes no further', async () => {
    const bearer = 'access-token/41+be77';
    const location = `https://files.example/?a=${encodeURIComponent(bearer)}`;
    const { origin } = await startPeer(answering(302, '', { location }));
    const asked = clientAt(`${origin}/api`, bearer).request({ method: 'GET', path: '/clinic' });
    expect(await rejection(asked)).toMatchObject({ code: 'fullscript_unexpected' });
  });

  it('query → on the wire byte for byte', async () => {
    const query = 'page%5Bnumber%5D=1&q=a%20b+c%2Fd&empty=&flag&sort=name,-id&x=%E2%9C%93';
    const { peer, api } = await clientOf(answering(200));
    await api.request({ method: 'GET', path: '/clinic/patients/a%20b', query });
    expect(peer.received[0]?.url).toBe(`/api/clinic/patients/a%20b?${query}`);
  });

  it('POST with a body → body and content type as given', async () => {
    const { peer, api } = await clientOf(answering(201, { id: 1 }));
    expect((await api.request(post)).status).toBe(201);
    expect(peer.received).toMatchObject([
      { method: 'POST', url: '/api/clinic/patients', body: '{"name":"Zoé-5d"}' },
    ]);
    expect(peer.received[0]?.headers['content-type']).toBe('application/json');
  });

  const FOR_FULLSCRIPT = {
    ...{ 'idempotency-key': 'plan-7', 'content-type': 'application/json', range: 'bytes=0-9' },
    ...{
      'if-match': '"v1"',
      'if-none-match': '"v2"',
      'if-range': '"v3"',
      accept: 'application/pdf',
    },
    'if-modified-since': 'Sun, 01 Nov 2026 00:00:00 GMT',
    'if-unmodified-since': 'Mon, 02 Nov 2026 00:00:00 GMT',
  };
  const NOT_FOR_FULLSCRIPT = {
    ...{ authorization: 'Bearer of-the-client', cookie: 'fc_session=1', host: 'ours.example' },
    ...{
      'x-forwarded-for': '203.0.113.9',
      forwarded: 'for=203.0.113.9',
      origin: 'https://ours.example',
    },
    ...{
      referer: 'https://ours.example/portal',
      'x-csrf-token': 'csrf-1',
      'x-request-id': 'ours-1',
    },
    ...{ te: 'trailers', connection: 'keep-alive, x-hop', 'x-hop': '1', 'content-length': '7' },
    ...{ 'transfer-encoding': 'chunked', upgrade: 'h2c', 'proxy-authorization': 'Basic eDp5' },
    ...{ 'user-agent': 'Browser/1', 'sec-fetch-site': 'same-origin', 'accept-language': 'en' },
  };

  it('headers of a client → those that concern Fullscript are sent, again after a 401, and no others', async () => {
    const { peer, api } = await clientOf(inTurn(answering(401), answering(201)));
    const headers = { ...FOR_FULLSCRIPT, ...NOT_FOR_FULLSCRIPT };
    expect((await api.request({ method: 'POST', path: '/clinic', headers })).status).toBe(201);
    const [first, again] = peer.received.map((one) => one.headers);
    const { host } = new URL(peer.origin);
    expect(first).toEqual({
      ...{ ...FOR_FULLSCRIPT, host, connection: 'keep-alive', 'content-length': '0' },
      ...{ 'user-agent': 'fullscript-connect', authorization: `Bearer ${TOKEN}` },
      // A part of a body that was packed could not be unpacked.
      'accept-encoding': 'identity',
    });
    expect(again).toEqual({ ...first, authorization: `Bearer ${NEXT_TOKEN}` });
  });

  it.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/json, text/plain, */*', 'application/json'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'application/json'],
    ['text/csv', 'text/csv'],
  ])('a client that accepts %s → Fullscript is asked for %s', async (accept, asked) => {
    const { peer, api } = await clientOf(answering(200));
    await api.request({ method: 'GET', path: '/clinic', headers: { accept } });
    expect(peer.received[0]?.headers.accept).toBe(asked);
  });

  it('headers of an answer → those that concern a client, and no others', async () => {
    const handedOn = {
      ...{ 'content-disposition': 'attachment; filename="plan.pdf"', etag: '"v1"', allow: 'GET' },
      ...{ 'last-modified': 'Sun, 01 Nov 2026 00:00:00 GMT', 'content-language': 'en' },
      ...{ 'accept-ranges': 'bytes', 'content-range': 'bytes 0-3/9' },
      ...{ 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '9', 'x-ratelimit-reset': '60' },
    };
    const kept = {
      ...{ 'set-cookie': '_fs=1', 'www-authenticate': 'Bearer', 'cache-control': 'public' },
      ...{ link: '</x.css>; rel=preload', server: 'any', 'strict-transport-security': 'max-age=1' },
      ...{ 'access-control-allow-origin': '*', 'ratelimit-limit': '1', 'clear-site-data': '"*"' },
      ...{ refresh: '0; url=https://evil.example', 'content-security-policy': '', age: '5' },
    };
    const { api } = await clientOf(answering(206, 'plan', { ...handedOn, ...kept }));
    const { headers } = await api.request({ method: 'GET', path: '/clinic' });
    expect(headers).toEqual(handedOn);
  });

  it.each([
    ['a path below the API', '/api/clinic/patients/1?a=%20b', '/clinic/patients/1?a=%20b'],
    ['a path relative to the one asked for', '2', '/clinic/2'],
    ['the API by its whole address', '{api}/clinic', '/clinic'],
    ['another place of the same server', '/rails/blobs/1?sig=a', '{origin}/rails/blobs/1?sig=a'],
    ['a path that only begins like the API', '/apis', '{origin}/apis'],
    ['another server', 'https://files.example/1?sig=a#page', 'https://files.example/1?sig=a#page'],
    ['another server, without a protocol', '//127.0.0.1:1/x', 'http://127.0.0.1:1/x'],
    ['an OAuth endpoint', '/api/oauth/token/info', undefined],
    ['an OAuth endpoint by a detour', '/api/clinic/../oauth/token', undefined],
    ['a path that may not be called', '/api/clinic//x', undefined],
    ['the base itself', '/api', undefined],
    ['a URL with a name in it', 'https://someone@files.example/', undefined],
    ['a script', 'javascript:alert(1)', undefined],
    ['data', 'data:text/html,x', undefined],
    ['no URL', 'https://', undefined],
  ])('an answer that leads to %s → told, and not followed', async (_where, location, told) => {
    const { peer, api } = await clientOf((res) => {
      const named = location.replace('{api}', `${peer.origin}/api`);
      res.writeHead(302, { location: named }).end();
    });
    const answer = await api.request({ method: 'GET', path: '/clinic/1' });
    expect(answer.location).toBe(told?.replace('{origin}', peer.origin));
    expect(peer.received).toHaveLength(1);
  });

  it('https that leads to http → not told', () => {
    const from = new URL('https://api.example/api/clinic');
    const of = { apiUrl: 'https://api.example/api', from };
    expect(locationOf('http://files.example/', of)).toBeUndefined();
    expect(locationOf('http://api.example/api/clinic', of)).toBeUndefined();
    expect(locationOf('https://files.example/', of)).toBe('https://files.example/');
  });

  it('a path that may not be called → refused before a token is asked for', async () => {
    let asked = 0;
    const peer = await startPeer(answering(200));
    const ask = () => {
      asked += 1;
      return Promise.resolve(TOKEN);
    };
    const tokenSource = { current: ask, replacing: ask };
    const api = createApiClient({ apiUrl: `${peer.origin}/api`, tokenSource, timeoutMs: 1_000 });
    const error = await rejection(api.request({ method: 'POST', path: '/oauth/token' }));
    expect(error).toMatchObject({ code: 'path_refused' });
    expect(asked).toBe(0);
    expect(peer.received).toEqual([]);
  });

  it('401 → the rejected token is replaced once, and the request repeated with the new one', async () => {
    const { peer, api, rejected, waits } = await clientOf(
      inTurn(answering(401), answering(200, { ok: true })),
    );
    const answer = await api.request({ method: 'GET', path: '/clinic', query: 'a=1' });
    expect(answer.status).toBe(200);
    expect(rejected).toEqual([TOKEN]);
    expect(bearers(peer)).toEqual([`Bearer ${TOKEN}`, `Bearer ${NEXT_TOKEN}`]);
    expect(peer.received.map(({ url }) => url)).toEqual(['/api/clinic?a=1', '/api/clinic?a=1']);
    expect(waits).toEqual([]);
  });

  it('401 to a POST → repeated with the whole body', async () => {
    const { peer, api, rejected } = await clientOf(inTurn(answering(401), answering(201)));
    expect((await api.request(post)).status).toBe(201);
    expect(rejected).toEqual([TOKEN]);
    expect(peer.received.map((one) => one.body)).toEqual([
      '{"name":"Zoé-5d"}',
      '{"name":"Zoé-5d"}',
    ]);
    expect(bearers(peer)).toEqual([`Bearer ${TOKEN}`, `Bearer ${NEXT_TOKEN}`]);
    expect(peer.received[1]?.headers['content-type']).toBe('application/json');
  });

  it('401 twice → the second is the answer, and no third request is made', async () => {
    const { peer, api, rejected } = await clientOf(
      inTurn(answering(401), answering(401, 'second'), answering(200)),
    );
    const answer = await api.request({ method: 'GET', path: '/clinic' });
    expect(answer.status).toBe(401);
    expect(answer.body.toString()).toBe('second');
    expect(rejected).toEqual([TOKEN]);
    expect(peer.received).toHaveLength(2);
  });

  it('401 and no other token to be had → what the token source says', async () => {
    const gone = new Error('needs reconnect');
    const { peer, api } = await clientOf(answering(401), {
      replacing: () => Promise.reject(gone),
    });
    expect(await rejection(api.request({ method: 'GET', path: '/clinic' }))).toBe(gone);
    expect(peer.received).toHaveLength(1);
  });

  it.each([400, 403, 404, 409, 422, 429, 500])(
    '%i → the answer, once, same token',
    async (status) => {
      const { peer, api, rejected } = await clientOf(inTurn(answering(status), answering(200)));
      expect((await api.request({ method: 'GET', path: '/clinic' })).status).toBe(status);
      expect(rejected).toEqual([]);
      expect(peer.received).toHaveLength(1);
    },
  );

  it.each<[string, Answer]>([
    ['503', answering(503)],
    ['a broken connection', hangingUp()],
  ])('GET, %s → repeated once, after a pause', async (_what, trouble) => {
    const { peer, api, rejected, waits } = await clientOf(inTurn(trouble, answering(200)));
    expect((await api.request({ method: 'GET', path: '/clinic' })).status).toBe(200);
    expect(peer.received).toHaveLength(2);
    expect(waits).toEqual([150]);
    expect(rejected).toEqual([]);
  });

  it('GET, 503 twice → the answer after two requests', async () => {
    const { peer, api } = await clientOf(inTurn(answering(503), answering(503), answering(200)));
    expect((await api.request({ method: 'GET', path: '/clinic' })).status).toBe(503);
    expect(peer.received).toHaveLength(2);
  });

  it('GET, connection broken twice → unreachable after two requests', async () => {
    const { peer, api } = await clientOf(hangingUp());
    const error = await rejection(api.request({ method: 'GET', path: '/clinic' }));
    expect(error).toMatchObject({ name: 'FullscriptApiError', code: 'fullscript_unreachable' });
    expect(peer.received).toHaveLength(2);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s, 503 → not repeated', async (method) => {
    const { peer, api, waits } = await clientOf(inTurn(answering(503), answering(200)));
    expect((await api.request({ ...post, method })).status).toBe(503);
    expect(peer.received).toHaveLength(1);
    expect(waits).toEqual([]);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s, broken → not repeated', async (method) => {
    const { peer, api } = await clientOf(inTurn(hangingUp(), answering(200)));
    const error = await rejection(api.request({ ...post, method }));
    expect(error).toMatchObject({ code: 'fullscript_unreachable' });
    expect(peer.received).toHaveLength(1);
  });

  it.each([301, 302, 303, 307, 308])(
    'redirect %i → returned, the bearer goes nowhere',
    async (status) => {
      const elsewhere = await startPeer(answering(200));
      const { peer, api } = await clientOf(
        answering(status, '', { location: `${elsewhere.origin}/api/clinic` }),
      );
      expect((await api.request({ method: 'GET', path: '/clinic' })).status).toBe(status);
      expect(peer.received).toHaveLength(1);
      expect(elsewhere.received).toEqual([]);
    },
  );

  it('silence → fullscript_timeout within the limit', async () => {
    const { peer, api } = await clientOf(() => undefined, { timeoutMs: 150 });
    const startedAt = performance.now();
    const error = await rejection(api.request(post));
    expect(error).toMatchObject({ code: 'fullscript_timeout', status: undefined });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(peer.received).toHaveLength(1);
  });

  it('headers, then silence → fullscript_timeout', async () => {
    const { api } = await clientOf((res) => void res.writeHead(200).write('['), { timeoutMs: 150 });
    const error = await rejection(api.request(post));
    expect(error).toMatchObject({ code: 'fullscript_timeout' });
  });

  it.each<[string, Answer]>([
    ['a broken connection', hangingUp()],
    ['silence', () => undefined],
    [
      'an answer cut short',
      (res) => res.writeHead(200, { 'content-length': '9' }).write('[', () => res.destroy()),
    ],
  ])('error after %s → shows no token, body or address', async (_what, answer) => {
    const { peer, api } = await clientOf(answer, { timeoutMs: 150 });
    const text = shown(await rejection(api.request(post)));
    expect(text).toContain('FullscriptApiError');
    for (const value of [TOKEN, NEXT_TOKEN, 'Zoé', peer.origin]) expect(text).not.toContain(value);
  });
});

describe('getJson', () => {
  const schema = z.object({ id: z.string() });

  it('200 that fits → what the schema keeps', async () => {
    const { peer, api } = await clientOf(answering(200, { id: 'x', more: 1 }));
    expect(await getJson(api, '/clinic', schema)).toEqual({ id: 'x' });
    expect(peer.received[0]).toMatchObject({ method: 'GET', url: '/api/clinic' });
  });

  it('200 that begins with a byte-order mark → read', async () => {
    const { api } = await clientOf(answering(200, '\uFEFF{"id":"Zoé"}'));
    expect(await getJson(api, '/clinic', schema)).toEqual({ id: 'Zoé' });
  });

  it.each<[number, string]>([
    [401, 'fullscript_unauthorized'],
    [403, 'fullscript_forbidden'],
    [404, 'fullscript_not_found'],
    [429, 'fullscript_rate_limited'],
    [400, 'fullscript_refused'],
    [422, 'fullscript_refused'],
    [500, 'fullscript_unavailable'],
    [503, 'fullscript_unavailable'],
    [201, 'fullscript_unexpected'],
    [204, 'fullscript_unexpected'],
    [302, 'fullscript_unexpected'],
  ])('%i, whatever the body says → %s', async (status, code) => {
    const headers = { 'x-request-id': 'fs-7', 'retry-after': '3' };
    const { api } = await clientOf(answering(status, { id: 'x' }, headers));
    const error = await rejection(getJson(api, '/clinic', schema));
    expect(error).toBeInstanceOf(FullscriptApiError);
    expect(error).toMatchObject({ code, status, requestId: 'fs-7', retryAfter: '3' });
  });

  it.each<[string, string | object]>([
    ['HTML', '<html>'],
    ['nothing', ''],
    ['half of the JSON', '{"id":"x"'],
    ['another shape', { ids: ['x'] }],
    ['null', 'null'],
  ])('200 with %s → fullscript_unexpected, with the request id', async (_what, answer) => {
    const { api } = await clientOf(answering(200, answer, { 'x-request-id': 'fs-8' }));
    const error = await rejection(getJson(api, '/clinic', schema));
    expect(error).toMatchObject({ code: 'fullscript_unexpected', status: 200, requestId: 'fs-8' });
  });
});

describe('getClinic', () => {
  it('the documented answer → name and counts', async () => {
    const wire = { id: 'c-1', name: 'Éire', patient_count: 3, practitioner_count: 1, more: {} };
    const { peer, api } = await clientOf(answering(200, { clinic: wire }));
    expect(await getClinic(api)).toEqual({
      id: 'c-1',
      name: 'Éire',
      patientCount: 3,
      practitionerCount: 1,
    });
    expect(peer.received[0]?.url).toBe('/api/clinic');
  });

  it('counts missing or in another form → the clinic without them', async () => {
    const wire = { id: 'c-1', name: 'Éire', patient_count: 'many' };
    const { api } = await clientOf(answering(200, { clinic: wire }));
    expect(await getClinic(api)).toMatchObject({
      name: 'Éire',
      patientCount: undefined,
      practitionerCount: undefined,
    });
  });

  it('no name → fullscript_unexpected', async () => {
    const { api } = await clientOf(answering(200, { clinic: { id: 'c-1' } }));
    expect(await rejection(getClinic(api))).toMatchObject({ code: 'fullscript_unexpected' });
  });
});

describe('getResourceOwner', () => {
  const wire = { id: 'u-1', first_name: 'Ada', last_name: 'Lovelace', email: 'ada@example.com' };
  const person = { id: 'u-1', name: 'Ada Lovelace', email: 'ada@example.com' };

  it.each([
    ['Practitioner', 'practitioner', '/api/clinic/practitioners/u-1'],
    ['Staff', 'staff', '/api/clinic/staff/u-1'],
  ])('%s → read from its own place', async (type, field, url) => {
    const { peer, api } = await clientOf(answering(200, { [field]: wire }));
    expect(await getResourceOwner(api, { id: 'u-1', type })).toEqual(person);
    expect(peer.received.map((one) => one.url)).toEqual([url]);
  });

  it.each(['Clinic', 'Patient', 'practitioner'])('%s → nobody, and no request', async (type) => {
    const { peer, api } = await clientOf(answering(200, { practitioner: wire, staff: wire }));
    expect(await getResourceOwner(api, { id: 'u-1', type })).toBeUndefined();
    expect(peer.received).toEqual([]);
  });

  it.each<[string, object, object]>([
    ['first name only', { ...wire, last_name: null }, { ...person, name: 'Ada' }],
    ['no names', { id: 'u-1', email: wire.email }, { ...person, name: '' }],
    ['no e-mail', { ...wire, email: null }, { ...person, email: undefined }],
    ['names in another form', { ...wire, first_name: 1 }, { ...person, name: 'Lovelace' }],
  ])('%s → the rest', async (_what, practitioner, expected) => {
    const { api } = await clientOf(answering(200, { practitioner }));
    const owner = { id: 'u-1', type: 'Practitioner' };
    expect(await getResourceOwner(api, owner)).toEqual(expected);
  });

  it('opaque id → one encoded segment', async () => {
    const { peer, api } = await clientOf(answering(200, { staff: wire }));
    await getResourceOwner(api, { id: 'é?#&=%', type: 'Staff' });
    expect(peer.received[0]?.url).toBe('/api/clinic/staff/%C3%A9%3F%23%26%3D%25');
  });

  it.each(['..', '.', 'a/b', '../../oauth/token', 'oauth', '%2e%2e', '\r\n'])(
    'id %j that could lead elsewhere → refused, no request',
    async (id) => {
      const { peer, api } = await clientOf(answering(200, { staff: wire }));
      const error = await rejection(getResourceOwner(api, { id, type: 'Staff' }));
      expect(error).toMatchObject({ code: 'path_refused' });
      expect(peer.received).toEqual([]);
    },
  );

  it.each<[string, number, string | object, string]>([
    ['no such person', 404, '', 'fullscript_not_found'],
    ['no scope', 403, '', 'fullscript_forbidden'],
    ['garbage', 200, '<html>', 'fullscript_unexpected'],
    ['the field of another type', 200, { staff: wire }, 'fullscript_unexpected'],
    ['no id', 200, { practitioner: {} }, 'fullscript_unexpected'],
  ])('%s → its code', async (...[, status, answer, code]) => {
    const { api } = await clientOf(answering(status, answer));
    const error = await rejection(getResourceOwner(api, { id: 'u-1', type: 'Practitioner' }));
    expect(error).toMatchObject({ code });
  });
});
