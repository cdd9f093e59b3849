import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { exchangeCode, exchangeRetryDelay } from '../../src/oauth/code-exchange.js';
import { TokenEndpointError } from '../../src/oauth/errors.js';
import type { Registration } from '../../src/oauth/registration.js';
import { secret } from '../../src/oauth/secret.js';
import { createTokenEndpoint, type TokenEndpoint } from '../../src/oauth/token-endpoint.js';
import {
  type Answer,
  answering,
  closePeers,
  hangingUp,
  inTurn,
  type Peer,
  startPeer,
  thenHeldUp,
} from '../fixtures/peer.js';
import { registrationOf } from '../fixtures/registration.js';
import { rejection, shown } from '../fixtures/shown.js';
import { DOCUMENTED } from '../fixtures/token-exchange.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const HOUR = 3_600_000;
const REFRESH_TOKEN = 'refresh-token-of-before-77aa01';
const VERIFIER = 'verifier-51f0c8d2e6b94a';
const { request: REQUEST, answer: ANSWER } = DOCUMENTED;

/** What must show nowhere: all that we sent and all that a good answer holds. */
const SECRETS = [
  REQUEST.client_secret,
  REQUEST.code,
  REFRESH_TOKEN,
  VERIFIER,
  ANSWER.oauth.access_token,
  ANSWER.oauth.refresh_token,
];

afterEach(closePeers);

function registrationAt(apiUrl: string): Registration {
  return registrationOf({
    clientId: REQUEST.client_id,
    clientSecret: REQUEST.client_secret,
    redirectUri: REQUEST.redirect_uri,
    server: { apiUrl },
  });
}

async function endpointAt(
  answer: Answer,
  timeoutMs = 5_000,
): Promise<{ peer: Peer; registration: Registration; endpoint: TokenEndpoint }> {
  const peer = await startPeer(answer);
  const endpoint = createTokenEndpoint({ timeoutMs, now: () => NOW });
  return { peer, registration: registrationAt(`${peer.origin}/api`), endpoint };
}

/** An origin on which nobody listens. */
async function nobody(): Promise<string> {
  const peer = await startPeer(answering(200));
  await peer.close();
  return peer.origin;
}

/** The three calls, each with everything secret it can carry. */
const CALLS: [string, (endpoint: TokenEndpoint, to: Registration) => Promise<unknown>][] = [
  [
    'exchangeCode',
    (endpoint, to) =>
      endpoint.exchangeCode(to, { code: REQUEST.code, codeVerifier: secret(VERIFIER) }),
  ],
  ['refresh', (endpoint, to) => endpoint.refresh(to, secret(REFRESH_TOKEN))],
  ['revoke', (endpoint, to) => endpoint.revoke(to, secret(REFRESH_TOKEN))],
];

function expectDiscreet(error: unknown): void {
  const text = shown(error);
  for (const value of SECRETS) expect(text).not.toContain(value);
  expect((error as Error).cause).toBeUndefined();
}

describe('exchangeCode on the wire', () => {
  it('a code → the documented request byte by byte, as JSON, with nothing in the headers', async () => {
    const { peer, registration, endpoint } = await endpointAt(answering(200, ANSWER));
    await endpoint.exchangeCode(registration, { code: REQUEST.code });
    expect(peer.received).toHaveLength(1);
    const [{ method, url, headers, body }] = peer.received as [Peer['received'][number]];
    expect([method, url]).toEqual(['POST', '/api/oauth/token']);
    expect(headers['content-type']).toBe('application/json');
    expect(headers.accept).toBe('application/json');
    expect(headers['content-length']).toBe(String(body.length));
    expect(headers).not.toHaveProperty('authorization');
    expect(headers).not.toHaveProperty('cookie');
    expect(body).toBe(
      `{"grant_type":"authorization_code","client_id":"${REQUEST.client_id}",` +
        `"client_secret":"${REQUEST.client_secret}","code":"${REQUEST.code}",` +
        '"redirect_uri":"https://example.com/redirect"}',
    );
    expect(body).toBe(JSON.stringify(REQUEST));
  });

  it('the documented answer → its tokens, owner and expiry', async () => {
    const { registration, endpoint } = await endpointAt(answering(200, ANSWER));
    const tokens = await endpoint.exchangeCode(registration, { code: REQUEST.code });
    expect(tokens.accessToken.reveal()).toBe(ANSWER.oauth.access_token);
    expect(tokens.refreshToken?.reveal()).toBe(ANSWER.oauth.refresh_token);
    expect(tokens).toMatchObject({
      scope: ['catalog:read'],
      obtainedAt: NOW,
      resourceOwner: ANSWER.oauth.resource_owner,
    });
  });

  it('made in 2021, by the Date of the same answer → expired, which a refresh mends', async () => {
    const date = new Date(NOW).toUTCString();
    const { registration, endpoint } = await endpointAt(answering(200, ANSWER, { date }));
    const { expiresAt } = await endpoint.exchangeCode(registration, { code: REQUEST.code });
    expect(expiresAt).toBe(NOW);
  });

  it('made in 2021, in an answer without a Date → a full life from now', async () => {
    const { registration, endpoint } = await endpointAt((res) => {
      res.sendDate = false;
      res.end(JSON.stringify(ANSWER));
    });
    const { expiresAt } = await endpoint.exchangeCode(registration, { code: REQUEST.code });
    expect(expiresAt).toBe(NOW + 2 * HOUR);
  });

  it('PKCE verifier → sent after the documented fields, in the body only', async () => {
    const { peer, registration, endpoint } = await endpointAt(answering(200, ANSWER));
    const codeVerifier = secret(VERIFIER);
    await endpoint.exchangeCode(registration, { code: REQUEST.code, codeVerifier });
    expect(peer.received[0]?.body).toBe(JSON.stringify({ ...REQUEST, code_verifier: VERIFIER }));
    expect(peer.received[0]?.url).not.toContain(VERIFIER);
  });

  it('code with quotes, line break and unicode → arrives as it was', async () => {
    const { peer, registration, endpoint } = await endpointAt(answering(200, ANSWER));
    const code = 'a"b\\c\r\né🌱%2F+ ';
    await endpoint.exchangeCode(registration, { code });
    expect(JSON.parse(peer.received[0]?.body ?? '')).toMatchObject({ code });
  });

  it("the answer's Date and created_at are 30 s apart, both 3 h behind us → 30 s are taken off", async () => {
    const serverNow = NOW - 3 * HOUR;
    const oauth = { ...ANSWER.oauth, created_at: new Date(serverNow - 30_000).toISOString() };
    const date = new Date(serverNow).toUTCString();
    const { registration, endpoint } = await endpointAt(answering(200, { oauth }, { date }));
    const { expiresAt } = await endpoint.exchangeCode(registration, { code: REQUEST.code });
    expect(expiresAt).toBe(NOW + 2 * HOUR - 30_000);
  });

  it('Date that is no date → expiry from now', async () => {
    const { registration, endpoint } = await endpointAt(answering(200, ANSWER, { date: 'today' }));
    const { expiresAt } = await endpoint.exchangeCode(registration, { code: REQUEST.code });
    expect(expiresAt).toBe(NOW + 2 * HOUR);
  });

  it('token URL overridden → the request goes there and not below the API base', async () => {
    const moved = await startPeer(answering(200, ANSWER));
    const { peer, registration, endpoint } = await endpointAt(answering(200, ANSWER));
    const server = { ...registration.server, tokenUrl: `${moved.origin}/t?x=1` };
    await endpoint.exchangeCode({ ...registration, server }, { code: REQUEST.code });
    expect(moved.received.map(({ url }) => url)).toEqual(['/t?x=1']);
    expect(peer.received).toEqual([]);
  });
});

describe('refresh on the wire', () => {
  it('a refresh token → the documented request byte by byte', async () => {
    const { peer, registration, endpoint } = await endpointAt(answering(200, ANSWER));
    const tokens = await endpoint.refresh(registration, secret(REFRESH_TOKEN));
    expect(tokens.accessToken.reveal()).toBe(ANSWER.oauth.access_token);
    expect(peer.received).toHaveLength(1);
    expect(peer.received[0]).toMatchObject({
      method: 'POST',
      url: '/api/oauth/token',
      body:
        `{"grant_type":"refresh_token","client_id":"${REQUEST.client_id}",` +
        `"client_secret":"${REQUEST.client_secret}","refresh_token":"${REFRESH_TOKEN}",` +
        '"redirect_uri":"https://example.com/redirect"}',
    });
    expect(peer.received[0]?.headers['content-type']).toBe('application/json');
    expect(peer.received[0]?.headers).not.toHaveProperty('authorization');
  });

  it('made in 2021, by the Date of the same answer → a full life, so that nothing loops', async () => {
    const date = new Date(NOW).toUTCString();
    const { registration, endpoint } = await endpointAt(answering(200, ANSWER, { date }));
    const { expiresAt } = await endpoint.refresh(registration, secret(REFRESH_TOKEN));
    expect(expiresAt).toBe(NOW + 2 * HOUR);
  });

  it('answer without refresh token and owner → tokens without them', async () => {
    const oauth = { access_token: 'a-2', token_type: 'bearer', expires_in: '60' };
    const { registration, endpoint } = await endpointAt(answering(200, { oauth }));
    const tokens = await endpoint.refresh(registration, secret(REFRESH_TOKEN));
    expect(tokens.refreshToken).toBeUndefined();
    expect(tokens.resourceOwner).toBeUndefined();
    expect(tokens.expiresAt).toBe(NOW + 60_000);
  });
});

describe('a token set in an answer of another make', () => {
  const text = JSON.stringify(ANSWER);

  it.each<[string, number, string]>([
    ['created', 201, text],
    ['a success of any other kind', 202, text],
    ['with a byte-order mark', 200, `\uFEFF${text}`],
    ['created, with a byte-order mark', 201, `\uFEFF${text}`],
  ])('%s (%i) → the tokens are kept', async (_what, status, body) => {
    const { peer, registration, endpoint } = await endpointAt(answering(status, body));
    for (const tokens of [
      await endpoint.exchangeCode(registration, { code: REQUEST.code }),
      await endpoint.refresh(registration, secret(REFRESH_TOKEN)),
    ]) {
      expect(tokens.accessToken.reveal()).toBe(ANSWER.oauth.access_token);
      expect(tokens.refreshToken?.reveal()).toBe(ANSWER.oauth.refresh_token);
    }
    expect(peer.received).toHaveLength(2);
  });
});

describe('revoke on the wire', () => {
  it('a token → the documented request byte by byte', async () => {
    const { peer, registration, endpoint } = await endpointAt(answering(200, {}));
    await endpoint.revoke(registration, secret(REFRESH_TOKEN));
    expect(peer.received).toHaveLength(1);
    expect(peer.received[0]).toMatchObject({
      method: 'POST',
      url: '/api/oauth/revoke',
      body:
        `{"client_id":"${REQUEST.client_id}","client_secret":"${REQUEST.client_secret}",` +
        `"token":"${REFRESH_TOKEN}"}`,
    });
    expect(peer.received[0]?.headers['content-type']).toBe('application/json');
    expect(peer.received[0]?.headers).not.toHaveProperty('authorization');
  });

  it.each([
    [200, ''],
    [200, 'garbage'],
    [200, '\uFEFF{}'],
    [201, '{}'],
    [204, ''],
  ])('%i with body "%s" → done', async (status, body) => {
    const { registration, endpoint } = await endpointAt(answering(status, body));
    await expect(endpoint.revoke(registration, secret(REFRESH_TOKEN))).resolves.toBeUndefined();
  });

  it('200 with an OAuth error inside → that error, since nothing was revoked', async () => {
    const { registration, endpoint } = await endpointAt(
      answering(200, { error: 'invalid_client' }),
    );
    const error = await rejection(endpoint.revoke(registration, secret(REFRESH_TOKEN)));
    expect(error).toMatchObject({ code: 'invalid_client', status: 200 });
  });
});

describe('answers of the token endpoint', () => {
  const G = 'The provided authorization grant is invalid, expired, revoked, …';
  const body = (error: unknown) => ({ error, error_description: G });

  it.each<[string, number, string | object, string]>([
    ['G of Doorkeeper', 400, body('invalid_grant'), 'invalid_grant'],
    ['C of Doorkeeper', 401, body('invalid_client'), 'invalid_client'],
    ['missing parameter', 400, body('invalid_request'), 'invalid_request'],
    ['unknown grant type', 400, body('unsupported_grant_type'), 'unsupported_grant_type'],
    ['not for this client', 400, body('unauthorized_client'), 'unauthorized_client'],
    ['more scopes', 400, body('invalid_scope'), 'invalid_scope'],
    ['an error nobody knows', 400, body('slow_down'), 'invalid_response'],
    ['an error that is an object', 400, body({ code: 'invalid_grant' }), 'invalid_response'],
    ['body not JSON, as with malformed requests', 400, '', 'invalid_response'],
    ['null', 400, 'null', 'invalid_response'],
    ['a proxy that quotes the code', 500, body('invalid_grant'), 'server_error'],
    ['overload', 503, '', 'server_error'],
    ['rate limit', 429, body('invalid_grant'), 'rate_limited'],
    ['in the envelope', 400, { oauth: body('invalid_grant') }, 'invalid_grant'],
    [
      'after a byte-order mark',
      400,
      `\uFEFF${JSON.stringify(body('invalid_grant'))}`,
      'invalid_grant',
    ],
    ['accepted, but not now', 202, '', 'invalid_response'],
    ['an error inside a redirect', 302, body('invalid_grant'), 'invalid_response'],
    ['an error inside 200', 200, body('invalid_grant'), 'invalid_grant'],
    ['an error inside 201', 201, body('invalid_client'), 'invalid_client'],
    ['an unknown error inside 200', 200, body('slow_down'), 'invalid_response'],
    ['garbage', 200, '<html>', 'invalid_response'],
    ['without the envelope', 200, ANSWER.oauth, 'invalid_response'],
  ])('%s (%i) → code and status', async (...[, status, answer, code]) => {
    const { peer, registration, endpoint } = await endpointAt(answering(status, answer));
    const error = await rejection(endpoint.refresh(registration, secret(REFRESH_TOKEN)));
    expect(error).toBeInstanceOf(TokenEndpointError);
    expect(error).toMatchObject({ code, status: status < 300 ? undefined : status });
    expect(peer.received).toHaveLength(1);
    expectDiscreet(error);
  });

  it.each<[string, Record<string, string>, number | undefined]>([
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['a date', { 'retry-after': new Date(NOW + 90_000).toUTCString() }, 90_000],
    ['a date that is over', { 'retry-after': new Date(NOW - 90_000).toUTCString() }, 0],
    ['garbage', { 'retry-after': 'soon' }, undefined],
    ['no header', {}, undefined],
  ])('429 and 503 with Retry-After: %s → handed on', async (_what, headers, retryAfterMs) => {
    for (const [status, code] of [[429, 'rate_limited'] as const, [503, 'server_error'] as const]) {
      const { registration, endpoint } = await endpointAt(answering(status, '', headers));
      const error = await rejection(endpoint.refresh(registration, secret(REFRESH_TOKEN)));
      expect(error).toMatchObject({ code, status, retryAfterMs });
    }
  });

  it.each([
    [
      'endless',
      (res: ServerResponse) => {
        res.end(JSON.stringify(ANSWER).padEnd(1_000_000));
      },
    ],
    [
      'small on the wire and endless unpacked',
      (res: ServerResponse) => {
        res.setHeader('content-encoding', 'gzip');
        res.end(gzipSync(JSON.stringify(ANSWER).padEnd(1_000_000)));
      },
    ],
  ])('an answer that is %s → invalid_response', async (_what, answer) => {
    const { registration, endpoint } = await endpointAt(answer);
    const error = await rejection(endpoint.refresh(registration, secret(REFRESH_TOKEN)));
    expect(error).toMatchObject({ code: 'invalid_response' });
    expectDiscreet(error);
  });

  it.each([302, 307])('redirect %i → not followed', async (status) => {
    const elsewhere = await startPeer(answering(200, ANSWER));
    const location = `${elsewhere.origin}/api/oauth/token`;
    const { registration, endpoint } = await endpointAt(answering(status, '', { location }));
    const error = await rejection(endpoint.refresh(registration, secret(REFRESH_TOKEN)));
    expect(error).toMatchObject({ code: 'invalid_response', status });
    expect(elsewhere.received).toEqual([]);
  });
});

describe('no answer of the token endpoint', () => {
  const LIMIT_MS = 200;

  it.each(CALLS)('%s, nobody listens → unreachable', async (_name, call) => {
    const registration = registrationAt(`${await nobody()}/api`);
    const endpoint = createTokenEndpoint({ timeoutMs: 5_000, now: () => NOW });
    const error = await rejection(call(endpoint, registration));
    expect(error).toMatchObject({ code: 'unreachable', status: undefined });
    expect((error as Error).message).toContain('ECONNREFUSED');
    expectDiscreet(error);
  });

  it.each(CALLS)('%s, socket destroyed after the request → no_answer', async (_name, call) => {
    const { peer, registration, endpoint } = await endpointAt(hangingUp());
    const error = await rejection(call(endpoint, registration));
    expect(error).toMatchObject({ code: 'no_answer', status: undefined });
    expect(peer.received).toHaveLength(1);
    expectDiscreet(error);
  });

  it('silence, whatever the call → no_answer within the limit', async () => {
    const { peer, registration, endpoint } = await endpointAt(() => undefined, LIMIT_MS);
    const startedAt = performance.now();
    const errors = await Promise.all(
      CALLS.map(([, call]) => rejection(call(endpoint, registration))),
    );
    expect(performance.now() - startedAt).toBeGreaterThan(LIMIT_MS / 2);
    expect(peer.received).toHaveLength(CALLS.length);
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'no_answer', status: undefined });
      expectDiscreet(error);
    }
  });

  it('this process is held up for longer than that while the answer comes → it counts', async () => {
    const { registration, endpoint } = await endpointAt(
      thenHeldUp(answering(200, ANSWER), 400),
      200,
    );
    const tokens = await endpoint.refresh(registration, secret(REFRESH_TOKEN));
    expect(tokens.accessToken.reveal()).toBe(ANSWER.oauth.access_token);
  });

  it('headers at once, the body never → no_answer within the limit', async () => {
    const { registration, endpoint } = await endpointAt((res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.write('{"oauth":');
    }, LIMIT_MS);
    const error = await rejection(endpoint.refresh(registration, secret(REFRESH_TOKEN)));
    expect(error).toMatchObject({ code: 'no_answer' });
  });

  it('connection cut in the middle of the body → no_answer, not a broken answer', async () => {
    const text = JSON.stringify(ANSWER);
    const { registration, endpoint } = await endpointAt((res) => {
      res.writeHead(200, { 'content-length': String(text.length) });
      res.write(text.slice(0, 40), () => res.destroy());
    });
    const error = await rejection(endpoint.refresh(registration, secret(REFRESH_TOKEN)));
    expect(error).toMatchObject({ code: 'no_answer' });
    expectDiscreet(error);
  });

  it('two calls after each other → a connection each, none that may be half dead', async () => {
    const { peer, registration, endpoint } = await endpointAt(answering(200, ANSWER));
    await endpoint.refresh(registration, secret(REFRESH_TOKEN));
    await endpoint.refresh(registration, secret(REFRESH_TOKEN));
    expect(peer.received.map(({ headers }) => headers.connection)).toEqual(['close', 'close']);
  });
});

describe('errors of the token endpoint', () => {
  /** A badly behaved server that quotes the request, headers and body. */
  const quoting =
    (status: number): Answer =>
    (res, { headers, body }) => {
      res.writeHead(status, { 'retry-after': body.replace(/[^\x20-\x7e]/g, '') });
      res.end(JSON.stringify({ error: body, error_description: body, headers, ...ANSWER.oauth }));
    };

  it.each(CALLS)(
    '%s, an answer that quotes the request → shows none of it',
    async (_name, call) => {
      for (const status of [400, 401, 404, 429, 500, 503]) {
        const { registration, endpoint } = await endpointAt(quoting(status));
        const error = await rejection(call(endpoint, registration));
        expect(error).toMatchObject({ name: 'TokenEndpointError', status });
        expectDiscreet(error);
      }
    },
  );

  it('a good answer without envelope → the error shows no token', async () => {
    const { registration, endpoint } = await endpointAt(answering(200, ANSWER.oauth));
    expectDiscreet(await rejection(endpoint.refresh(registration, secret(REFRESH_TOKEN))));
  });

  it('an address that is no URL → a typed error that shows nothing', async () => {
    const endpoint = createTokenEndpoint({ timeoutMs: 1_000, now: () => NOW });
    const registration = registrationAt('no-url');
    const error = await rejection(endpoint.refresh(registration, secret(REFRESH_TOKEN)));
    expect(error).toBeInstanceOf(TokenEndpointError);
    expectDiscreet(error);
  });
});

describe('exchangeRetryDelay', () => {
  const refused = new TokenEndpointError('unreachable', { detail: 'ECONNREFUSED' });
  const busy = (retryAfterMs?: number) =>
    new TokenEndpointError('server_error', { status: 503, retryAfterMs });

  it.each<[string, unknown, number, number, number | undefined]>([
    ['first failed connection', refused, 1, 0, 500],
    ['third', refused, 3, 1_500, 2_000],
    ['503 that says nothing', busy(), 1, 0, 500],
    ['503 that says when', busy(3_000), 1, 0, 3_000],
    ['503 that says sooner than our own pace', busy(1_000), 3, 1_500, 2_000],
    ['429', new TokenEndpointError('rate_limited', { status: 429 }), 1, 0, 500],
    ['a wait that ends with our patience', busy(5_000), 4, 15_000, 5_000],
    ['a wait that outlasts it by 1 ms', busy(5_001), 4, 15_000, undefined],
    ['a wait of an hour', busy(HOUR), 1, 0, undefined],
    ['no answer', new TokenEndpointError('no_answer'), 1, 0, undefined],
    ['500', new TokenEndpointError('server_error', { status: 500 }), 1, 0, undefined],
    ['400', new TokenEndpointError('invalid_grant', { status: 400 }), 1, 0, undefined],
    ['an error of somebody else', new Error('ECONNREFUSED'), 1, 0, undefined],
  ])('%s → waits, or does not', (...[, error, attempt, elapsedMs, wait]) => {
    expect(exchangeRetryDelay({ error, attempt, elapsedMs })).toBe(wait);
  });
});

describe('exchangeCode', () => {
  /** Exchanges under a clock that only waiting moves. */
  async function exchange(registration: Registration, timeoutMs = 5_000) {
    let now = NOW;
    const waits: number[] = [];
    const sleep = (ms: number) => {
      waits.push(ms);
      now += ms;
      // A test must end, also where the code under test would not.
      return waits.length > 50 ? Promise.reject(new Error('it never gives up')) : Promise.resolve();
    };
    const tokenEndpoint = createTokenEndpoint({ timeoutMs, now: () => now });
    const deps = { tokenEndpoint, registration, code: REQUEST.code, now: () => now, sleep };
    const outcome = await exchangeCode(deps).catch((error: unknown) => error);
    return { outcome, waits };
  }

  const good = answering(200, ANSWER);
  const accessTokenOf = (outcome: unknown) =>
    (outcome as { accessToken?: { reveal: () => string } }).accessToken?.reveal();

  it('first answer is good → one request, no wait', async () => {
    const peer = await startPeer(good);
    const { outcome, waits } = await exchange(registrationAt(`${peer.origin}/api`));
    expect(accessTokenOf(outcome)).toBe(ANSWER.oauth.access_token);
    expect(waits).toEqual([]);
    expect(peer.received).toHaveLength(1);
  });

  it('nobody listens at first → tried again with the same code', async () => {
    const peer = await startPeer(good);
    const urls = [await nobody(), await nobody(), peer.origin];
    const registration = registrationAt(peer.origin);
    // The address stays in real life; here it becomes alive on the third look.
    const server = {
      ...registration.server,
      get tokenUrl() {
        return `${String(urls.shift())}/api/oauth/token`;
      },
    };
    const { outcome, waits } = await exchange({ ...registration, server });
    expect(accessTokenOf(outcome)).toBe(ANSWER.oauth.access_token);
    expect(waits).toEqual([500, 1_000]);
    expect(peer.received.map(({ body }) => body)).toEqual([JSON.stringify(REQUEST)]);
  });

  it('nobody ever listens → gives up within 20 seconds', async () => {
    const { outcome, waits } = await exchange(registrationAt(await nobody()));
    expect(outcome).toMatchObject({ code: 'unreachable' });
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
  });

  it.each([429, 503])(
    '%i with Retry-After → waits so long, then sends it again',
    async (status) => {
      const busy = answering(status, '', { 'retry-after': '3' });
      const peer = await startPeer(inTurn(busy, busy, good));
      const { outcome, waits } = await exchange(registrationAt(`${peer.origin}/api`));
      expect(accessTokenOf(outcome)).toBe(ANSWER.oauth.access_token);
      expect(waits).toEqual([3_000, 3_000]);
      expect(new Set(peer.received.map(({ body }) => body))).toEqual(
        new Set([JSON.stringify(REQUEST)]),
      );
      expect(peer.received).toHaveLength(3);
    },
  );

  it('Retry-After as a date → waits until then', async () => {
    const later = new Date(NOW + 4_000).toUTCString();
    const peer = await startPeer(inTurn(answering(503, '', { 'retry-after': later }), good));
    const { waits } = await exchange(registrationAt(`${peer.origin}/api`));
    expect(waits).toEqual([4_000]);
  });

  it.each(['0', new Date(NOW - 60_000).toUTCString()])(
    'busy for long with Retry-After "%s" → still a handful of requests, not a storm',
    async (header) => {
      const peer = await startPeer(answering(503, '', { 'retry-after': header }));
      const { outcome } = await exchange(registrationAt(`${peer.origin}/api`));
      expect(peer.received.length).toBeLessThanOrEqual(10);
      expect(outcome).toMatchObject({ code: 'server_error', status: 503 });
    },
  );

  it('Retry-After beyond our patience → given up at once', async () => {
    const peer = await startPeer(answering(429, '', { 'retry-after': '60' }));
    const { outcome, waits } = await exchange(registrationAt(`${peer.origin}/api`));
    expect(outcome).toMatchObject({ code: 'rate_limited', retryAfterMs: 60_000 });
    expect(waits).toEqual([]);
    expect(peer.received).toHaveLength(1);
  });

  it.each<[string, Answer, string]>([
    ['500', answering(500), 'server_error'],
    ['invalid_grant', answering(400, { error: 'invalid_grant' }), 'invalid_grant'],
    ['a connection that broke', hangingUp(), 'no_answer'],
    ['silence', () => undefined, 'no_answer'],
  ])('%s → the code is not used twice', async (_what, answer, code) => {
    const peer = await startPeer(inTurn(answer, good));
    const { outcome, waits } = await exchange(registrationAt(`${peer.origin}/api`), 300);
    expect(outcome).toMatchObject({ code });
    expect(waits).toEqual([]);
    expect(peer.received).toHaveLength(1);
  });

  it('503, then invalid_grant → the last one is thrown', async () => {
    const refused = answering(400, { error: 'invalid_grant' });
    const peer = await startPeer(inTurn(answering(503), refused));
    const { outcome } = await exchange(registrationAt(`${peer.origin}/api`));
    expect(outcome).toMatchObject({ code: 'invalid_grant' });
  });
});
