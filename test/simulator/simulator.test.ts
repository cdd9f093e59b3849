import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/simulator/simulator.js';
import {
  api,
  authorizeUrl,
  connect,
  CREDENTIALS,
  exchangeBody,
  getCode,
  oauthOf,
  REDIRECT_URI,
  refresh,
  refreshBody,
  revoke,
  send,
  token,
} from './client.js';
import { approve, type CookieJar, readForm, visit } from './drive.js';

const C =
  'Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.';
const G =
  'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.';
const U = 'The authorization grant type is not supported by the authorization server.';
const S = 'The requested scope is invalid, unknown, or malformed.';
const START = Date.UTC(2026, 2, 4, 15, 6, 7, 123);

let simulator: Simulator;
let clock: number;

async function restart(options: SimulatorOptions = {}): Promise<void> {
  await simulator.close();
  simulator = await startSimulator({ now: () => clock, ...options });
}

beforeEach(async () => {
  clock = START;
  simulator = await startSimulator({ now: () => clock });
});

afterEach(() => simulator.close());

function expectTokenHeaders(headers: Headers): void {
  expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('pragma')).toBe('no-cache');
}

describe('token endpoint, code exchange', () => {
  it('good code → the documented answer, byte by byte', async () => {
    const answer = await token(simulator, exchangeBody(await getCode(simulator)));
    expectTokenHeaders(answer.headers);
    expect(answer.headers.get('www-authenticate')).toBeNull();
    const { access_token: access, refresh_token: refreshToken } = oauthOf(answer);
    expect(access).toMatch(/^[\w-]{43}$/);
    expect(refreshToken).toMatch(/^[\w-]{43}$/);
    const scope =
      'catalog:read clinic:read clinic:write patients:read patients:write patients:treatment_plan_history patients:order_history';
    const owner = simulator.people[0]!;
    expect(answer.text).toBe(
      `{"oauth":{"access_token":"${access}","token_type":"Bearer","expires_in":7200,"refresh_token":"${refreshToken}","scope":"${scope}","created_at":"2026-03-04T15:06:07.123Z","resource_owner":{"id":"${owner.id}","type":"Practitioner"}}}`,
    );
  });

  it('form body, and HTTP Basic → accepted like JSON', async () => {
    const url = `${simulator.apiUrl}/oauth/token`;
    const form = new URLSearchParams({ ...exchangeBody(await getCode(simulator)) });
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(200);
    const { client_id: id, client_secret: secret } = CREDENTIALS;
    const basic = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const body = { grant_type: 'authorization_code', redirect_uri: REDIRECT_URI };
    const json = { ...body, code: await getCode(simulator) };
    const headers = { authorization: basic };
    expect((await send(url, { method: 'POST', json, headers })).status).toBe(200);
  });

  const without = (name: string) => ({ [name]: undefined });
  it.each([
    ['wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client', C],
    ['unknown client', { client_id: 'x' }, 401, 'invalid_client', C],
    [
      'no credentials',
      { client_id: undefined, client_secret: undefined },
      401,
      'invalid_client',
      C,
    ],
    ['other redirect_uri', { redirect_uri: `${REDIRECT_URI}2` }, 400, 'invalid_grant', G],
    ['unknown code', { code: 'nonsense' }, 400, 'invalid_grant', G],
    ['verifier without a stored challenge', { code_verifier: 'v' }, 400, 'invalid_grant', G],
    ['no redirect_uri', without('redirect_uri'), 400, 'invalid_request', missing('redirect_uri')],
    ['no code', without('code'), 400, 'invalid_request', missing('code')],
    ['no grant_type', without('grant_type'), 400, 'invalid_request', missing('grant_type')],
    ['unknown grant_type', { grant_type: 'magic' }, 400, 'unsupported_grant_type', U],
    ['disabled grant_type', { grant_type: 'client_credentials' }, 400, 'unsupported_grant_type', U],
  ])('%s → error, and the code is not spent', async (...row) => {
    const [, change, status, error, text] = row;
    const code = await getCode(simulator);
    const answer = await token(simulator, exchangeBody(code, change));
    expect(answer.status).toBe(status);
    expectTokenHeaders(answer.headers);
    expect(answer.text).toBe(JSON.stringify({ error, error_description: text }));
    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer realm="Doorkeeper", error="${error}", error_description="${text}"`,
    );
    expect((await token(simulator, exchangeBody(code))).status).toBe(200);
  });

  it('code used again → invalid_grant, and the first tokens keep working', async () => {
    const code = await getCode(simulator);
    const first = oauthOf(await token(simulator, exchangeBody(code)));
    const again = await token(simulator, exchangeBody(code));
    expect([again.status, again.text]).toEqual([400, expect.stringContaining('invalid_grant')]);
    expect((await api(simulator, '/clinic', first.access_token)).status).toBe(200);
    expect((await refresh(simulator, first.refresh_token)).status).toBe(200);
  });

  it('code ten minutes old → invalid_grant; a second younger → accepted', async () => {
    const [old, young] = [await getCode(simulator), await getCode(simulator)];
    clock += 599_000;
    expect((await token(simulator, exchangeBody(young))).status).toBe(200);
    clock += 1000;
    expect((await token(simulator, exchangeBody(old))).status).toBe(400);
  });

  it.each([2, 10])('%i exchanges of one code at once → one succeeds', async (count) => {
    const body = exchangeBody(await getCode(simulator));
    const answers = await Promise.all(Array.from({ length: count }, () => token(simulator, body)));
    expect(answers.filter((one) => one.status === 200)).toHaveLength(1);
    expect(answers.filter((one) => one.text.includes(G))).toHaveLength(count - 1);
    expect(simulator.stats).toMatchObject({ exchanges: count, pairsIssued: 1 });
  });

  it('code of another client → invalid_grant', async () => {
    const other = {
      clientId: 'other',
      clientSecret: 's',
      redirectUris: [],
      scopes: ['clinic:read'],
    };
    await restart({ clients: [other] });
    const code = await getCode(simulator, { extra: { client_id: 'other' } });
    expect((await token(simulator, exchangeBody(code))).text).toContain('invalid_grant');
    const own = exchangeBody(code, { client_id: 'other', client_secret: 's' });
    expect(oauthOf(await token(simulator, own)).scope).toBe('clinic:read');
  });

  it('body not JSON → 400, GET → 404, both empty HTML', async () => {
    const malformed = await token(simulator, '{oops');
    const get = await send(`${simulator.apiUrl}/oauth/token`);
    expect([malformed.status, malformed.text, get.status, get.text]).toEqual([400, '', 404, '']);
    for (const { headers } of [malformed, get]) {
      expect(headers.get('content-type')).toBe('text/html; charset=UTF-8');
      expect(headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  it('legacy application → the token speaks for the clinic', async () => {
    await restart({ legacyClinicTokens: true });
    const person = simulator.people[0]!;
    const { access_token: access, resource_owner: owner } = await connect(simulator);
    expect(owner).toEqual({ id: person.clinicId, type: 'Clinic' });
    expect((await api(simulator, '/clinic', access)).status).toBe(200);
    expect(simulator.revokeAuthorization(person.clinicId)).toBe(1);
  });
});

describe('token endpoint, PKCE', () => {
  const verifier = 'v'.repeat(43);
  const challenge = createHash('sha256').update(verifier).digest('base64url');

  it.each([
    ['S256', challenge],
    ['plain', verifier],
  ])('%s → right verifier accepted, none and wrong ones refused', async (method, value) => {
    const extra = { code_challenge: value, code_challenge_method: method };
    const code = await getCode(simulator, { extra });
    const none = await token(simulator, exchangeBody(code));
    expect(none.text).toBe(
      JSON.stringify({ error: 'invalid_request', error_description: missing('code_verifier') }),
    );
    const wrong = await token(simulator, exchangeBody(code, { code_verifier: `${verifier}w` }));
    expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining(G)]);
    const right = await token(simulator, exchangeBody(code, { code_verifier: verifier }));
    expect(right.status).toBe(200);
  });

  it('unknown challenge method → error page', async () => {
    const jar = await signedIn();
    const extra = { code_challenge: 'c', code_challenge_method: 'S512' };
    const answer = await visit(authorizeUrl(simulator, extra), jar);
    expect([answer.status, answer.location]).toEqual([400, null]);
  });
});

describe('token endpoint, refresh', () => {
  it('good refresh token → new pair, with the old lifetime and scopes', async () => {
    await restart({ accessTokenLifetime: 900 });
    const first = await connect(simulator);
    clock += 60_000;
    const extra = { redirect_uri: REDIRECT_URI };
    const answer = await token(simulator, refreshBody(first.refresh_token, extra));
    expectTokenHeaders(answer.headers);
    const second = oauthOf(answer);
    expect(second.access_token).not.toBe(first.access_token);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(second).toMatchObject({
      expires_in: 900,
      scope: first.scope,
      resource_owner: first.resource_owner,
      created_at: new Date(clock).toISOString(),
    });
  });

  it.each([
    ['wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client', C],
    [
      'no credentials at all',
      { client_id: undefined, client_secret: undefined },
      400,
      'invalid_grant',
      G,
    ],
    ['unknown token', { refresh_token: 'nonsense' }, 400, 'invalid_grant', G],
    [
      'unknown token and wrong secret',
      { refresh_token: 'x', client_secret: 'wrong' },
      400,
      'invalid_grant',
      G,
    ],
    [
      'no refresh_token',
      { refresh_token: undefined },
      400,
      'invalid_request',
      missing('refresh_token'),
    ],
    ['more scopes', { scope: 'labs:write' }, 400, 'invalid_scope', S],
  ])('%s → error, and the token still works', async (...row) => {
    const [, change, status, error, text] = row;
    const { refresh_token: refreshToken } = await connect(simulator);
    const answer = await token(simulator, refreshBody(refreshToken, change));
    expect(answer.status).toBe(status);
    expectTokenHeaders(answer.headers);
    expect(answer.text).toBe(JSON.stringify({ error, error_description: text }));
    expect(answer.headers.get('www-authenticate')).toContain(`error="${error}"`);
    expect((await refresh(simulator, refreshToken)).status).toBe(200);
  });

  it('years later → refresh tokens do not expire', async () => {
    const { refresh_token: refreshToken } = await connect(simulator);
    clock += 5 * 365 * 86_400_000;
    expect((await refresh(simulator, refreshToken)).status).toBe(200);
  });
});

describe('rotation on_use', () => {
  it('new access token not used yet → old pair works, and gives another pair', async () => {
    const old = await connect(simulator);
    oauthOf(await refresh(simulator, old.refresh_token));
    expect((await api(simulator, '/clinic', old.access_token)).status).toBe(200);
    expect((await refresh(simulator, old.refresh_token)).status).toBe(200);
    expect(simulator.stats).toMatchObject({ refreshes: 2, livePairs: 3 });
  });

  it('first use of the new access token → the old pair is dead', async () => {
    const old = await connect(simulator);
    const fresh = oauthOf(await refresh(simulator, old.refresh_token));
    expect((await api(simulator, '/clinic', fresh.access_token)).status).toBe(200);
    const stale = await api(simulator, '/clinic', old.access_token);
    expect(stale.status).toBe(401);
    expect(stale.headers.get('www-authenticate')).toContain('The access token was revoked');
    expect((await refresh(simulator, old.refresh_token)).text).toContain('invalid_grant');
  });

  it.each(['a call answered 403', 'an expired token answered 401', 'token/info'])(
    '%s → counts as use',
    async (use) => {
      simulator.setScopes(['catalog:read', 'clinic:read']);
      const old = await connect(simulator);
      const fresh = oauthOf(await refresh(simulator, old.refresh_token));
      if (use.includes('expired')) simulator.expireAccessTokens();
      const path = use === 'token/info' ? '/oauth/token/info' : '/clinic/patients';
      const status = use.includes('403') ? 403 : use.includes('401') ? 401 : 200;
      expect((await api(simulator, path, fresh.access_token)).status).toBe(status);
      expect((await refresh(simulator, old.refresh_token)).status).toBe(400);
    },
  );

  it.each([2, 10])('%i refreshes at once → as many different live pairs', async (count) => {
    const old = await connect(simulator);
    const answers = await Promise.all(
      Array.from({ length: count }, () => refresh(simulator, old.refresh_token)),
    );
    const pairs = answers.map(oauthOf);
    expect(new Set(pairs.map((pair) => pair.refresh_token)).size).toBe(count);
    for (const pair of pairs) {
      expect((await api(simulator, '/clinic', pair.access_token)).status).toBe(200);
    }
    expect(simulator.stats.livePairs).toBe(count);
  });

  it('r0 to r1 to r2 with r1 never used → using r2 ends r1, and r0 stays', async () => {
    const r0 = await connect(simulator);
    const r1 = oauthOf(await refresh(simulator, r0.refresh_token));
    const r2 = oauthOf(await refresh(simulator, r1.refresh_token));
    await api(simulator, '/clinic', r2.access_token);
    expect((await refresh(simulator, r1.refresh_token)).status).toBe(400);
    expect((await refresh(simulator, r0.refresh_token)).status).toBe(200);
  });

  it('new pair revoked before its use → the old one survives', async () => {
    const old = await connect(simulator);
    const fresh = oauthOf(await refresh(simulator, old.refresh_token));
    await revoke(simulator, { ...CREDENTIALS, token: fresh.refresh_token });
    expect((await api(simulator, '/clinic', old.access_token)).status).toBe(200);
  });
});

describe('rotation immediate', () => {
  beforeEach(() => restart({ rotation: 'immediate' }));

  it('after a refresh → the old pair is dead at once', async () => {
    const old = await connect(simulator);
    const fresh = oauthOf(await refresh(simulator, old.refresh_token));
    const stale = await api(simulator, '/clinic', old.access_token);
    expect(stale.headers.get('www-authenticate')).toContain('The access token was revoked');
    expect((await refresh(simulator, old.refresh_token)).status).toBe(400);
    expect((await api(simulator, '/clinic', fresh.access_token)).status).toBe(200);
  });

  it.each([2, 10])('%i refreshes at once → one succeeds', async (count) => {
    const old = await connect(simulator);
    const answers = await Promise.all(
      Array.from({ length: count }, () => refresh(simulator, old.refresh_token)),
    );
    expect(answers.filter((one) => one.status === 200)).toHaveLength(1);
    expect(answers.filter((one) => one.text.includes(G))).toHaveLength(count - 1);
    expect(simulator.stats.livePairs).toBe(1);
  });

  it('answer lost on the network → locked out', async () => {
    const old = await connect(simulator);
    simulator.faults.add({ endpoint: 'token', kind: 'lost_answer', times: 1 });
    await expect(refresh(simulator, old.refresh_token)).rejects.toThrow();
    expect((await refresh(simulator, old.refresh_token)).status).toBe(400);
  });
});

describe('bearer check', () => {
  const header = (text: string): string =>
    `Bearer realm="Doorkeeper", error="invalid_token", error_description="${text}"`;

  it('no, unknown, expired and revoked token → 401, empty HTML, each its own reason', async () => {
    const expired = await connect(simulator);
    simulator.expireAccessTokens();
    const revoked = await connect(simulator, simulator.people[1]!.id);
    simulator.revokeAuthorization(simulator.people[1]!.id);
    for (const [bearer, reason] of [
      [undefined, 'The access token is invalid'],
      ['nonsense', 'The access token is invalid'],
      [expired.access_token, 'The access token expired'],
      [revoked.access_token, 'The access token was revoked'],
    ] as const) {
      const headers = { accept: 'application/json' };
      const answer = await api(simulator, '/clinic', { bearer, headers });
      expect([answer.status, answer.text]).toEqual([401, '']);
      expect(answer.headers.get('content-type')).toBe('text/html');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('www-authenticate')).toBe(header(reason));
    }
  });

  it('scope not granted → 403, empty HTML, no challenge', async () => {
    simulator.setScopes(['catalog:read']);
    const { access_token: access } = await connect(simulator);
    const answer = await api(simulator, '/clinic', access);
    expect([answer.status, answer.text]).toEqual([403, '']);
    expect(answer.headers.get('content-type')).toBe('text/html');
    expect(answer.headers.get('www-authenticate')).toBeNull();
  });

  it('token in the query → accepted', async () => {
    const { access_token: access } = await connect(simulator);
    expect((await api(simulator, `/clinic?access_token=${access}`)).status).toBe(200);
  });

  it('lifetime over → expired exactly then', async () => {
    const { access_token: access } = await connect(simulator);
    clock += 7_199_999;
    expect((await api(simulator, '/clinic', access)).status).toBe(200);
    clock += 1;
    expect((await api(simulator, '/clinic', access)).status).toBe(401);
  });

  it('token info → live token described, others 401', async () => {
    simulator.setScopes(['clinic:read', 'catalog:read']);
    const { access_token: access } = await connect(simulator);
    clock += 200_400;
    const live = await api(simulator, '/oauth/token/info', access);
    const { id } = simulator.people[0]!;
    expect(live.text).toBe(
      `{"resource_owner_id":"${id}","scope":["clinic:read","catalog:read"],"expires_in":7000,"application":{"uid":"${CREDENTIALS.client_id}"},"created_at":${String(Math.floor(START / 1000))},"resource_owner_type":"Practitioner"}`,
    );
    simulator.expireAccessTokens();
    for (const bearer of [undefined, 'nonsense', access]) {
      const answer = await api(simulator, '/oauth/token/info', { bearer });
      expectTokenHeaders(answer.headers);
      expect(answer.headers.get('www-authenticate')).toBe(header('The access token is invalid'));
      expect([answer.status, answer.text]).toEqual([
        401,
        '{"error":"invalid_token","error_description":"The access token is invalid","state":"unauthorized"}',
      ]);
    }
  });
});

describe('revoke endpoint', () => {
  it.each(['access_token', 'refresh_token'] as const)('live %s → pair dead', async (half) => {
    const pair = await connect(simulator);
    const body = { ...CREDENTIALS, token: pair[half] };
    const answer = await revoke(simulator, body);
    expect([answer.status, answer.text]).toEqual([200, '{}']);
    expect(answer.headers.get('cache-control')).toBe('max-age=0, private, must-revalidate');
    expect((await api(simulator, '/clinic', pair.access_token)).status).toBe(401);
    expect((await refresh(simulator, pair.refresh_token)).status).toBe(400);
    expect((await revoke(simulator, body)).text).toBe('{}');
  });

  it('expired pair → revoked, by either half', async () => {
    for (const half of ['access_token', 'refresh_token'] as const) {
      const pair = await connect(simulator);
      simulator.expireAccessTokens();
      await revoke(simulator, { ...CREDENTIALS, token: pair[half] });
      expect((await refresh(simulator, pair.refresh_token)).status).toBe(400);
    }
  });

  it('unknown or missing token → 200 {}', async () => {
    for (const extra of [{ token: 'nonsense' }, {}]) {
      const answer = await revoke(simulator, { ...CREDENTIALS, ...extra });
      expect([answer.status, answer.text]).toEqual([200, '{}']);
    }
  });

  it('wrong secret or no credentials → 403, nothing revoked', async () => {
    const pair = await connect(simulator);
    for (const credentials of [{ ...CREDENTIALS, client_secret: 'wrong' }, {}]) {
      const answer = await revoke(simulator, { ...credentials, token: pair.access_token });
      expect([answer.status, answer.text]).toEqual([
        403,
        '{"error":"unauthorized_client","error_description":"You are not authorized to revoke this token"}',
      ]);
      expect(answer.headers.get('www-authenticate')).toBeNull();
      expect(answer.headers.get('cache-control')).toBe('no-cache');
    }
    expect((await api(simulator, '/clinic', pair.access_token)).status).toBe(200);
  });
});

describe('authorize', () => {
  it.each(['/oauth/authorize', '/api/oauth/authorize'])(
    '%s signed out → sign-in first',
    async (path) => {
      const answer = await visit(`${simulator.origin}${path}?client_id=nobody`, new Map());
      expect([answer.status, answer.location]).toEqual([
        302,
        `/login?return_to=${encodeURIComponent(`${path}?client_id=nobody`)}`,
      ]);
    },
  );

  it('approved → code and state, byte for byte', async () => {
    const location = await approve({
      authorizeUrl: authorizeUrl(simulator, { state: 'a b&c=d/é+%', scope: 'nonsense' }),
      person: simulator.people[1]!,
    });
    expect(location).toMatch(
      /^http:\/\/127\.0\.0\.1:9\/callback\?code=[\w-]{43}&state=a\+b%26c%3Dd%2F%C3%A9%2B%25$/,
    );
  });

  it('state of quotes, markup and newlines → comes back unchanged', async () => {
    const state = `"'><script>&amp;\n\r\n\t~*é😀`;
    const url = authorizeUrl(simulator, { state });
    const location = await approve({ authorizeUrl: url, person: simulator.people[0]! });
    expect(new URL(location).searchParams.get('state')).toBe(state);
  });

  it('denied → error without a code; no state sent, none returned', async () => {
    const location = await approve({
      authorizeUrl: authorizeUrl(simulator),
      person: simulator.people[0]!,
      decision: 'deny',
    });
    expect(location).toBe(
      `${REDIRECT_URI}?error=access_denied&error_description=The+resource+owner+or+authorization+server+denied+the+request.`,
    );
    expect(simulator.issued.codes).toHaveLength(0);
  });

  it('redirect document → as Rails writes it', async () => {
    const jar = await signedIn();
    await connectWith(jar);
    const answer = await visit(authorizeUrl(simulator, { state: 's' }), jar);
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    const escaped = answer.location!.replace('&', '&amp;');
    expect(answer.text).toBe(
      `<html><body>You are being <a href="${escaped}">redirected</a>.</body></html>`,
    );
  });

  it('pair not revoked, even expired → no consent page; revoked or other scopes → asked again', async () => {
    const jar = await signedIn();
    await connectWith(jar);
    simulator.expireAccessTokens();
    expect((await visit(authorizeUrl(simulator), jar)).location).toContain('?code=');
    simulator.setScopes(['clinic:read']);
    expect((await visit(authorizeUrl(simulator), jar)).status).toBe(200);
    await connectWith(jar);
    expect((await visit(authorizeUrl(simulator), jar)).location).toContain('?code=');
    simulator.revokeAuthorization(simulator.people[0]!.id);
    expect((await visit(authorizeUrl(simulator), jar)).status).toBe(200);
  });

  it.each([
    ['unknown client', { client_id: 'nobody' }, 404],
    ['other redirect_uri', { redirect_uri: 'https://elsewhere.test/callback' }, 404],
    ['no redirect_uri', { redirect_uri: '' }, 404],
    ['no client_id', { client_id: '' }, 400],
    ['no response_type', { response_type: '' }, 400],
    ['response_type=token', { response_type: 'token' }, 400],
  ])('%s → error page, never a redirect', async (_case, change, status) => {
    const answer = await visit(authorizeUrl(simulator, change), await signedIn());
    expect([answer.status, answer.location]).toEqual([status, null]);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.text).toMatch(/no\s+real/);
  });

  it('registered redirect URIs → the identical string only', async () => {
    await restart({ redirectUris: [REDIRECT_URI] });
    const jar = await signedIn();
    expect((await visit(authorizeUrl(simulator), jar)).status).toBe(200);
    for (const uri of [`${REDIRECT_URI}/`, `${REDIRECT_URI}?a=1`, 'http://127.0.0.1:10/callback']) {
      expect((await visit(authorizeUrl(simulator, { redirect_uri: uri }), jar)).status).toBe(404);
    }
  });

  it('form without its CSRF token → 422 with an empty body', async () => {
    const jar = await signedIn();
    for (const url of [
      authorizeUrl(simulator),
      `${simulator.origin}/login`,
      `${simulator.origin}/logout`,
    ]) {
      const form = { decision: 'approve', person: simulator.people[0]!.id };
      const answer = await visit(url, jar, form);
      expect([answer.status, answer.text, answer.location]).toEqual([422, '', null]);
    }
  });

  it('login form from before another tab signed in → still works; a wrong token does not', async () => {
    const jar: CookieJar = new Map();
    const login = `${simulator.origin}/login?return_to=%2Fsimulator`;
    const { fields } = readForm((await visit(login, jar)).text)!;
    const form = { ...fields, person: simulator.people[1]!.id };
    const first = await visit(login, jar, { ...fields, person: simulator.people[0]!.id });
    expect([first.status, first.location]).toEqual([302, '/simulator']);
    const forged = await visit(login, jar, { ...form, authenticity_token: 'wrong' });
    expect([forged.status, forged.text]).toEqual([422, '']);
    const second = await visit(login, jar, form);
    expect([second.status, second.location]).toEqual([302, '/simulator']);
    expect((await visit(login, jar)).text).toContain(simulator.people[1]!.name);
    const elsewhere = await visit(login, new Map(), form);
    expect([elsewhere.status, elsewhere.text]).toEqual([422, '']);
  });

  it('consent form of somebody whom another tab has replaced → asked again, no code', async () => {
    const jar = await signedIn();
    const url = authorizeUrl(simulator);
    const { fields } = readForm((await visit(url, jar)).text)!;
    const login = `${simulator.origin}/login`;
    const form = readForm((await visit(login, jar)).text)!.fields;
    await visit(login, jar, { ...form, person: simulator.people[1]!.id });
    const answer = await visit(url, jar, { ...fields, decision: 'approve' });
    expect(simulator.origin + answer.location!).toBe(url);
    expect((await visit(url, jar)).text).toContain(simulator.people[1]!.name);
  });

  it('consent page → scopes in words, no form-action in the way, sign-out offered', async () => {
    const jar = await signedIn();
    const consent = await visit(authorizeUrl(simulator), jar);
    expect(consent.text).toContain('<h1>Authorization</h1>');
    expect(consent.text).toContain('Clinic and Practitioner Account – read and write access');
    expect(consent.text).toContain('Authorize Application');
    expect(consent.headers.get('content-security-policy')).not.toContain('form-action');
    const [, signOut] = consent.text.split('action="/logout"');
    const fields = readForm(`<form method="post" action="/logout"${signOut!}`)!.fields;
    const answer = await visit(`${simulator.origin}/logout`, jar, fields);
    expect(answer.location).toMatch(/^\/login\?return_to=%2Fapi%2Foauth%2Fauthorize/);
    expect((await visit(authorizeUrl(simulator), jar)).location).toMatch(/^\/login/);
  });

  it('return_to of another site → back to the simulator instead', async () => {
    for (const elsewhere of ['https://elsewhere.test', '//elsewhere.test', '/\\elsewhere.test']) {
      const jar: CookieJar = new Map();
      const login = `${simulator.origin}/login?return_to=${encodeURIComponent(elsewhere)}`;
      const { fields } = readForm((await visit(login, jar)).text)!;
      expect(fields['return_to']).toBe('/simulator');
      const forged = { ...fields, return_to: elsewhere, person: simulator.people[0]!.id };
      expect((await visit(login, jar, forged)).location).toBe('/simulator');
    }
  });
});

describe('state file', () => {
  let folder: string;
  let stateFile: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'simulator-'));
    stateFile = join(folder, 'state.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('restart → codes, pairs, rotation and consent survive; the file is private', async () => {
    await restart({ stateFile });
    const code = await getCode(simulator);
    const old = await connect(simulator, simulator.people[1]!.id);
    const fresh = oauthOf(await refresh(simulator, old.refresh_token));
    await restart({ stateFile });
    expect(statSync(stateFile).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['state.json']);
    expect((await token(simulator, exchangeBody(code))).status).toBe(200);
    expect((await api(simulator, '/clinic', fresh.access_token)).status).toBe(200);
    await restart({ stateFile });
    const stale = await api(simulator, '/clinic', old.access_token);
    expect(stale.headers.get('www-authenticate')).toContain('revoked');
    expect(simulator.issued.accessTokens).toContain(fresh.access_token);
  });

  it('damaged file → the start fails and names it', async () => {
    writeFileSync(stateFile, '{"codes":');
    await expect(startSimulator({ stateFile })).rejects.toThrow(stateFile);
  });

  it('port already taken → the start fails', async () => {
    await expect(startSimulator({ port: simulator.port })).rejects.toThrow('EADDRINUSE');
  });
});

function missing(name: string): string {
  return `Missing required parameter: ${name}.`;
}

async function signedIn(): Promise<CookieJar> {
  const jar: CookieJar = new Map();
  const login = `${simulator.origin}/login`;
  const { fields } = readForm((await visit(login, jar)).text)!;
  await visit(login, jar, { ...fields, person: simulator.people[0]!.id });
  return jar;
}

async function connectWith(jar: CookieJar): Promise<void> {
  oauthOf(await token(simulator, exchangeBody(await getCode(simulator, { jar }))));
}
