import { describe, expect, it } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { type GrantKey } from '../../src/grants/grant.js';
import { createCsrf } from '../../src/http/csrf.js';
import { errorHandler } from '../../src/http/error-handler.js';
import { requestId } from '../../src/http/request-id.js';
import { ADA, BOB } from '../fixtures/visitors.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

const HOUR = 3_600_000;

const BASE_URL = 'https://portal.example.com';

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

  it.each(['post', 'delete'] as const)(
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

  it.each(['post', 'delete'] as const)('%s without token → 403', async (method) => {
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
    ['our host by http', { origin: 'http://portal.example.com' }],
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

  it('Origin null and no metadata, as of older Safari → the token decides; without a session 403', async () => {
    const { agent, acted, tokenOf } = appWith();
    const act = (headers: Record<string, string>) =>
      agent.post('/api/act').set({ origin: 'null', ...headers });
    const token = await tokenOf('ada');
    for (const headers of [{}, { 'x-user': 'ada' }, { 'x-user': 'bob', 'x-csrf-token': token }]) {
      expect(codeOf(await act(headers))).toBe('foreign_origin');
    }
    expect(acted).toEqual([]);
    expect((await act({ 'x-user': 'ada', 'x-csrf-token': token })).status).toBe(200);
  });

  it('a token of the next period, from a server whose clock is ahead → good; of the one after → 403', async () => {
    const ahead = await appWith({ now: () => NOW + 12 * HOUR }).tokenOf('ada');
    const far = await appWith({ now: () => NOW + 24 * HOUR }).tokenOf('ada');
    const { agent } = appWith();
    const act = (token: string) =>
      agent.post('/api/act').set({ 'x-user': 'ada', 'x-csrf-token': token });
    expect((await act(ahead)).status).toBe(200);
    expect((await act(far)).status).toBe(403);
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
