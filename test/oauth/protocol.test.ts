import { format, inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { authorizationUrl, randomToken } from '../../src/oauth/authorization-request.js';
import { codeOf, parseAuthorizationResponse } from '../../src/oauth/authorization-response.js';
import { authorizationServer } from '../../src/oauth/authorization-server.js';
import { codeChallenge } from '../../src/oauth/pkce.js';
import { parseResourceOwner } from '../../src/oauth/resource-owner.js';
import { parseRetryAfter } from '../../src/oauth/retry-after.js';
import { secret } from '../../src/oauth/secret.js';
import { expiryOf, parseTokenSet } from '../../src/oauth/token-set.js';
import { registrationOf } from '../fixtures/registration.js';
import { shown, thrown } from '../fixtures/shown.js';
import { DOCUMENTED } from '../fixtures/token-exchange.js';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 23, 12, 0, 0, 250);

describe('secret', () => {
  const value = 'fs-value-3c1f77d0';

  it('asked for the value → gives it', () => {
    expect(secret(value).reveal()).toBe(value);
  });

  it.each<[string, (holder: object) => string]>([
    ['JSON', (it) => JSON.stringify(it)],
    ['util.inspect', (it) => inspect(it, { depth: 10 })],
    ['util.inspect with everything', (it) => inspect(it, { showHidden: true, getters: true })],
    ['util.inspect without custom form', (it) => inspect(it, { customInspect: false, depth: 10 })],
    ['console formats', (it) => format('%s %o %O %j', it, it, it, it)],
    ['spread', (it) => JSON.stringify(Object.values(it).map((part: object) => ({ ...part })))],
  ])('%s of something that holds it → never the value', (_how, show) => {
    expect(show({ token: secret(value) })).not.toContain(value);
  });

  it('template string, concatenation, array join → the placeholder', () => {
    const held = secret(value) as unknown as string;
    expect(`Bearer ${held}`).toBe('Bearer [secret]');
    expect('Bearer ' + held).toBe('Bearer [secret]');
    expect([held, held].join()).toBe('[secret],[secret]');
  });

  it('JSON and inspect → say that there is one', () => {
    expect(JSON.stringify({ token: secret(value) })).toBe('{"token":"[secret]"}');
    expect(inspect({ token: secret(value) })).toBe('{ token: [secret] }');
  });

  it('somebody replaces toJSON → refused, it is frozen', () => {
    const held = secret(value);
    expect(() => Object.assign(held, { toJSON: () => held.reveal() })).toThrow(TypeError);
    expect(JSON.stringify(held)).toBe('"[secret]"');
  });
});

describe('parseResourceOwner', () => {
  it.each([
    ['practitioner', 'Practitioner'],
    ['STAFF', 'Staff'],
    ['Clinic', 'Clinic'],
  ])('type %s → %s', (wire, type) => {
    expect(parseResourceOwner({ id: 'u-1', type: wire })).toEqual({
      resourceOwner: { id: 'u-1', type },
    });
  });

  it.each(['Patient', 'Practitioner '])('type "%s" → no owner, and the problem named', (type) => {
    expect(parseResourceOwner({ id: 'u-1', type })).toEqual({
      ownerProblem: 'resource_owner_unknown_type',
    });
  });

  it.each([
    ["Fullscript's own example, no UUID", 'xx7x357x-9x36-xxxx-x553-7x3xx398xxx'],
    ['a path and a pattern', '../*:{}?#%2F'],
    ['unicode beyond the basic plane', 'é-漢-🌱'],
    ['one character', '1'],
    ['255 characters', 'x'.repeat(255)],
  ])('id is %s → kept as it is', (_what, id) => {
    expect(parseResourceOwner({ id, type: 'Staff' }).resourceOwner?.id).toBe(id);
  });

  it('number as id → its digits', () => {
    expect(parseResourceOwner({ id: 4711, type: 'Staff' }).resourceOwner?.id).toBe('4711');
  });

  it.each<[string, unknown]>([
    ['empty id', { id: '', type: 'Staff' }],
    ['256 characters', { id: 'x'.repeat(256), type: 'Staff' }],
    ['lone high surrogate', { id: 'a\ud83cb', type: 'Staff' }],
    ['fraction', { id: 1.5, type: 'Staff' }],
    ['number too large to be exact', { id: 2 ** 53, type: 'Staff' }],
    ['object as id', { id: { $ne: '' }, type: 'Staff' }],
    ['no id', { type: 'Staff' }],
    ['no type', { id: 'u-1' }],
    ['null', null],
  ])('%s → names nobody', (_what, value) => {
    expect(parseResourceOwner(value)).toEqual({});
  });
});

describe('authorizationServer', () => {
  it.each([
    ['us', 'sandbox', 'https://api-us-snd.fullscript.io/api'],
    ['ca', 'sandbox', 'https://api-ca-snd.fullscript.io/api'],
    ['us', 'production', 'https://api-us.fullscript.io/api'],
    ['ca', 'production', 'https://api-ca.fullscript.io/api'],
  ] as const)('%s %s → its four endpoints', (region, environment, base) => {
    expect(authorizationServer({ region, environment })).toEqual({
      apiUrl: base,
      authorizeUrl: `${base}/oauth/authorize`,
      tokenUrl: `${base}/oauth/token`,
      revokeUrl: `${base}/oauth/revoke`,
    });
  });

  it('API base overridden, with slashes at its end → the other three move along, no double slash', () => {
    const us = { region: 'us', environment: 'production' } as const;
    expect(authorizationServer(us, { apiUrl: 'https://api-us.fullscript.com/api//' })).toEqual({
      apiUrl: 'https://api-us.fullscript.com/api',
      authorizeUrl: 'https://api-us.fullscript.com/api/oauth/authorize',
      tokenUrl: 'https://api-us.fullscript.com/api/oauth/token',
      revokeUrl: 'https://api-us.fullscript.com/api/oauth/revoke',
    });
  });

  it.each(['authorizeUrl', 'tokenUrl', 'revokeUrl'] as const)(
    '%s overridden alone → only it changes',
    (endpoint) => {
      const us = { region: 'us', environment: 'sandbox' } as const;
      const moved = 'https://us-snd.fullscript.io/elsewhere';
      expect(authorizationServer(us, { [endpoint]: moved })).toEqual({
        ...authorizationServer(us),
        [endpoint]: moved,
      });
    },
  );
});

describe('authorizationUrl', () => {
  it('a registration → the exact URL, without scope', () => {
    const registration = registrationOf({ region: 'ca', environment: 'production' });
    expect(authorizationUrl({ registration, state: 'state-1' })).toBe(
      'https://api-ca.fullscript.io/api/oauth/authorize' +
        '?client_id=client-1&redirect_uri=https%3A%2F%2Fexample.com%2Fredirect' +
        '&response_type=code&state=state-1',
    );
  });

  it('characters that mean something in a query → encoded, and read back byte for byte', () => {
    const clientId = 'a b+c&d=e';
    const redirectUri = 'https://example.com/back?tenant=1&x=%20y';
    const registration = registrationOf({ clientId, redirectUri });
    const url = authorizationUrl({ registration, state: 's/1=' });
    expect(url).toBe(
      'https://api-us-snd.fullscript.io/api/oauth/authorize?client_id=a+b%2Bc%26d%3De' +
        '&redirect_uri=https%3A%2F%2Fexample.com%2Fback%3Ftenant%3D1%26x%3D%2520y' +
        '&response_type=code&state=s%2F1%3D',
    );
    const query = new URL(url).searchParams;
    expect(query.get('client_id')).toBe(clientId);
    expect(query.get('redirect_uri')).toBe(redirectUri);
  });

  it('PKCE challenge given → sent with S256, and nothing else changes', () => {
    const registration = registrationOf();
    const url = authorizationUrl({ registration, state: 's', codeChallenge: 'challenge-1' });
    const plain = authorizationUrl({ registration, state: 's' });
    expect(url).toBe(`${plain}&code_challenge=challenge-1&code_challenge_method=S256`);
  });

  it('authorize page with a query of its own → the query stays', () => {
    const registration = registrationOf({ server: { authorizeUrl: 'https://h.example/a?x=1' } });
    expect(authorizationUrl({ registration, state: 's' })).toMatch(
      /^https:\/\/h\.example\/a\?x=1&client_id=client-1&/,
    );
  });

  it('10,000 states → all different, 256 bits each, safe in a URL', () => {
    const states = new Set(Array.from({ length: 10_000 }, randomToken));
    expect(states.size).toBe(10_000);
    const urlSafe = [...states].filter((state) => /^[\w-]{43}$/.test(state));
    expect(urlSafe).toHaveLength(10_000);
  });
});

describe('parseAuthorizationResponse', () => {
  const parse = (query: string) => parseAuthorizationResponse(new URLSearchParams(query));

  it('code and state → both, and no error', () => {
    expect(parse('code=c%2F1&state=s-1')).toEqual({
      state: 's-1',
      code: 'c/1',
      error: undefined,
    });
  });

  it('error with a description, and iss → all of them, as they came', () => {
    expect(parse('error=access_denied&error_description=no%0A&iss=x&state=s-1')).toEqual({
      state: 's-1',
      code: undefined,
      error: 'access_denied',
      errorDescription: 'no\n',
      iss: 'x',
    });
  });

  it.each([
    ['no query', ''],
    ['empty state', 'code=c&state='],
    ['endless state', `code=c&state=${'s'.repeat(2049)}`],
  ])('%s → state_missing', (_what, query) => {
    expect(thrown(() => parse(query))).toMatchObject({
      name: 'AuthorizationResponseError',
      code: 'state_missing',
    });
  });

  it.each([
    ['state', 'state=a&state=b&code=c'],
    ['code', 'state=a&code=c&code=d'],
    ['error', 'state=a&error=x&error=access_denied'],
    ['error_description', 'state=a&error=x&error_description=1&error_description=2'],
    ['iss', 'state=a&code=c&iss=https://a&iss=https://b'],
  ])('%s twice → parameter_duplicated', (_what, query) => {
    expect(thrown(() => parse(query))).toMatchObject({ code: 'parameter_duplicated' });
  });

  it('a parameter nobody knows, twice → ignored', () => {
    expect(parse('state=a&code=c&utm=1&utm=2').code).toBe('c');
  });

  it('state and code at the limit → read', () => {
    const longest = 'x'.repeat(2048);
    expect(parse(`state=${longest}&code=${longest}`)).toMatchObject({
      state: longest,
      code: longest,
    });
  });
});

describe('codeOf', () => {
  it('a code and no error → the code', () => {
    expect(codeOf({ code: 'c-1', error: undefined, errorDescription: undefined })).toBe('c-1');
  });

  it.each([
    ['the user said no', undefined, 'access_denied', 'access_denied'],
    ['another error', undefined, 'server_error', 'authorization_failed'],
    ['an error although there is a code', 'c-1', 'temporarily_unavailable', 'authorization_failed'],
    ['a refusal although there is a code', 'c-1', 'access_denied', 'access_denied'],
    ['neither', undefined, undefined, 'code_missing'],
  ])('%s → refused', (...[, code, error, expected]) => {
    expect(thrown(() => codeOf({ code, error, errorDescription: undefined }))).toMatchObject({
      name: 'AuthorizationResponseError',
      code: expected,
    });
  });

  it('error and description with line breaks and endless → one short printable line', () => {
    const error = 'bad\r\n{"level":60}';
    const errorDescription = `\u2028é${'x'.repeat(2_000)}`;
    const refused = thrown(() => codeOf({ code: undefined, error, errorDescription }));
    const said = `bad??{"level":60}: ??${'x'.repeat(120 - 21)}`;
    expect(refused).toMatchObject({ code: 'authorization_failed', reason: said });
  });
});

describe('codeChallenge', () => {
  it('the verifier of RFC 7636 appendix B → its challenge', () => {
    expect(codeChallenge('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(
      'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    );
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 10, 23, 12, 0, 0);

  it.each([
    ['seconds', '120', 120_000],
    ['no wait', '0', 0],
    ['a date to come', 'Mon, 23 Nov 2026 12:00:30 GMT', 30_000],
    ['a date that is over', 'Mon, 23 Nov 2026 11:59:00 GMT', 0],
    ['garbage', 'soon', undefined],
    ['no header', undefined, undefined],
  ])('%s → %s is %s', (_what, header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });

  it.each(['1.5', 'later 1'])(
    '"%s", neither seconds nor an HTTP date → nothing, instead of "at once"',
    (header) => {
      expect(parseRetryAfter(header, now)).toBeUndefined();
    },
  );
});

describe('parseTokenSet', () => {
  type Wire = Record<string, unknown>;
  const documented: Wire = DOCUMENTED.answer.oauth;

  /** The documented answer with some fields replaced, or left out where the value is undefined. */
  function parse(fields: Wire = {}, at: { receivedAt?: number; serverDate?: number } = {}) {
    const all = Object.entries({ ...documented, ...fields });
    const oauth = Object.fromEntries(all.filter(([, value]) => value !== undefined));
    return parseTokenSet({ body: { oauth }, receivedAt: NOW, ...at });
  }

  it('the documented answer → every field in our words', () => {
    const tokens = parseTokenSet({ body: DOCUMENTED.answer, receivedAt: NOW });
    expect(tokens.accessToken.reveal()).toBe('access-token-1d7e0c5b92fa48');
    expect(tokens.refreshToken?.reveal()).toBe('refresh-token-e83a6f40d19c27');
    expect(tokens).toMatchObject({
      scope: ['catalog:read'],
      obtainedAt: NOW,
      expiresAt: NOW + 2 * HOUR,
      resourceOwner: { id: 'xx7x357x-9x36-xxxx-x553-7x3xx398xxx', type: 'Practitioner' },
    });
  });

  it('printed in any way → shows neither token', () => {
    const text = shown({ tokens: parse() });
    expect(text).not.toContain('access-token-1d7e0c5b92fa48');
    expect(text).not.toContain('refresh-token-e83a6f40d19c27');
  });

  it('the documented created_at of 2021, a Date of today → not expired on arrival', () => {
    expect(parse({}, { serverDate: NOW }).expiresAt).toBe(NOW + 2 * HOUR);
  });

  it.each<[string, unknown, number]>([
    ['number', 3600, 3600],
    ['numeric string', '3600', 3600],
    ['one second', 1, 1],
    ['missing', undefined, 7200],
    ['zero', 0, 7200],
    ['negative', -1, 7200],
    ['garbage', 'two hours', 7200],
    ['object', {}, 7200],
  ])('expires_in: %s → %p is %d seconds', (_what, expiresIn, seconds) => {
    expect(parse({ expires_in: expiresIn }).expiresAt).toBe(NOW + seconds * 1000);
  });

  it.each([1e300, '9'.repeat(30)])(
    'expires_in %p, beyond any calendar → an expiry that still is a date',
    (expiresIn) => {
      const { expiresAt } = parse({ expires_in: expiresIn });
      expect(new Date(expiresAt).getTime()).toBe(expiresAt);
    },
  );

  it.each<[string, unknown]>([
    ['ISO', new Date(NOW - 30_000).toISOString()],
    ['epoch seconds', (NOW - 30_000) / 1000],
    ['epoch seconds as a string', String((NOW - 30_000) / 1000)],
  ])('created_at: %s, 30 s before the Date → the age is taken off', (_what, createdAt) => {
    const { expiresAt } = parse({ created_at: createdAt }, { serverDate: NOW });
    expect(expiresAt).toBe(NOW + 2 * HOUR - 30_000);
  });

  it.each<[string, unknown]>([
    ['garbage', 'yesterday'],
    ['missing', undefined],
    ['zero', 0],
    ['after the Date', new Date(NOW + HOUR).toISOString()],
    ['epoch milliseconds', NOW],
    ['exactly as old as the token gets', new Date(NOW - 2 * HOUR).toISOString()],
  ])('created_at: %s → a full life from now', (_what, createdAt) => {
    const { expiresAt } = parse({ created_at: createdAt }, { serverDate: NOW });
    expect(expiresAt).toBe(NOW + 2 * HOUR);
  });

  it.each([-3 * HOUR, 3 * HOUR])(
    "the server's clock is %d ms off ours → expiry by our clock all the same",
    (skew) => {
      const serverNow = NOW + skew;
      const created = { created_at: new Date(serverNow - 20_000).toISOString() };
      const { expiresAt, obtainedAt } = parse(created, { serverDate: serverNow });
      expect(obtainedAt).toBe(NOW);
      expect(expiresAt).toBe(NOW + 2 * HOUR - 20_000);
    },
  );

  it.each([-3 * HOUR, 3 * HOUR])(
    'clock %d ms off and no Date header → a full life from now',
    (skew) => {
      const created = { created_at: new Date(NOW + skew).toISOString() };
      expect(parse(created).expiresAt).toBe(NOW + 2 * HOUR);
    },
  );

  it('fields and scopes nobody knows → fields ignored, scopes kept in order', () => {
    const tokens = parse({ scope: ' clinic:read  new:scope\tx ', id_token: {}, x: [1] });
    expect(tokens.scope).toEqual(['clinic:read', 'new:scope', 'x']);
  });

  it.each<[string, unknown]>([
    ['commas', 'clinic:read,patients:read'],
    ['commas and spaces', ' clinic:read, patients:read ,'],
    ['a list', ['clinic:read', 'patients:read']],
    ['a list of one text', ['clinic:read patients:read']],
    ['a list with more than text in it', [null, 'clinic:read', { name: 'x' }, 'patients:read', 1]],
  ])('scope with %s → all names in it', (_what, scope) => {
    expect(parse({ scope }).scope).toEqual(['clinic:read', 'patients:read']);
  });

  it.each<[string, unknown]>([
    ['missing', undefined],
    ['null', null],
    ['an object', { 'clinic:read': true }],
    ['an empty list', []],
  ])('scope %s → names none, and the tokens are kept', (_what, scope) => {
    const tokens = parse({ scope });
    expect(tokens.scope).toEqual([]);
    expect(tokens.accessToken.reveal()).toBe('access-token-1d7e0c5b92fa48');
  });

  it.each<[string, unknown]>([
    ['missing', undefined],
    ['empty', ''],
    ['a number', 1],
  ])('refresh_token %s → none, and the access token is kept', (_what, refreshToken) => {
    const tokens = parse({ refresh_token: refreshToken });
    expect(tokens.refreshToken).toBeUndefined();
    expect(tokens.accessToken.reveal()).toBe('access-token-1d7e0c5b92fa48');
  });

  it.each(['BEARER', undefined])('token_type %p → accepted', (type) => {
    expect(parse({ token_type: type }).accessToken.reveal()).toBe('access-token-1d7e0c5b92fa48');
  });

  it.each(['mac', 'Bearer ', ''])('token_type "%s" → refused', (type) => {
    const error = thrown(() => parse({ token_type: type }));
    expect(error).toMatchObject({ name: 'TokenEndpointError', code: 'unsupported_token_type' });
    expect(shown(error)).not.toContain('access-token-1d7e0c5b92fa48');
  });

  it.each<[string, unknown]>([
    ['standard OAuth, without the envelope', DOCUMENTED.answer.oauth],
    ['envelope of null', { oauth: null }],
    ['no access token', { oauth: { ...documented, access_token: undefined } }],
    ['empty access token', { oauth: { ...documented, access_token: '' } }],
    ['access token that is no text', { oauth: { ...documented, access_token: 1 } }],
    ['nothing', undefined],
  ])('%s → invalid_response, and nothing of the body in the error', (_what, body) => {
    const error = thrown(() => parseTokenSet({ body, receivedAt: NOW }));
    expect(error).toMatchObject({ name: 'TokenEndpointError', code: 'invalid_response' });
    expect(shown(error)).not.toMatch(/access-token-1d7e0c5b92fa48|refresh-token-e83a6f40d19c27/);
  });

  it.each<[string, unknown]>([
    ['beside the envelope', { error: 'invalid_grant' }],
    ['inside the envelope', { oauth: { error: 'invalid_grant' } }],
    ['and no access token', { error: 'invalid_grant', oauth: { refresh_token: 'r-1' } }],
  ])('an OAuth error %s → that error', (_where, body) => {
    const error = thrown(() => parseTokenSet({ body, receivedAt: NOW }));
    expect(error).toMatchObject({ name: 'TokenEndpointError', code: 'invalid_grant' });
  });

  it('an OAuth error beside a token set → what was issued is kept', () => {
    const body = { error: 'invalid_grant', ...DOCUMENTED.answer };
    const tokens = parseTokenSet({ body, receivedAt: NOW });
    expect(tokens.accessToken.reveal()).toBe('access-token-1d7e0c5b92fa48');
  });

  it.each([undefined, { type: 'Staff' }])('resource_owner %p → none', (owner) => {
    expect(parse({ resource_owner: owner }).resourceOwner).toBeUndefined();
  });

  it('resource_owner of a kind we do not know → the tokens, with the problem named', () => {
    const tokens = parse({ resource_owner: { id: 'u-1', type: 'Patient' } });
    expect(tokens.ownerProblem).toBe('resource_owner_unknown_type');
    expect(tokens.resourceOwner).toBeUndefined();
    expect(tokens.accessToken.reveal()).toBe('access-token-1d7e0c5b92fa48');
  });
});

describe('expiryOf', () => {
  const lifetimeMs = 2 * HOUR;

  it.each([
    ['no age known', undefined, undefined, 0],
    ['1 ms old', NOW, NOW - 1, 1],
    ['1 ms before its end', NOW, NOW - lifetimeMs + 1, lifetimeMs - 1],
    ['made in the future', NOW, NOW + 1, 0],
  ])('%s → counts the same for a code and for a refresh token', (...[, date, created, age]) => {
    const at = { receivedAt: NOW, serverDate: date, createdAt: created, lifetimeMs };
    expect(expiryOf({ ...at, mayBeOld: true })).toBe(NOW + lifetimeMs - age);
    expect(expiryOf({ ...at, mayBeOld: false })).toBe(NOW + lifetimeMs - age);
  });

  it.each([lifetimeMs, 5 * 365 * 24 * HOUR])(
    '%d ms old, past its life → expired for a code, a full life for a refresh token',
    (age) => {
      const at = { receivedAt: NOW, serverDate: NOW, createdAt: NOW - age, lifetimeMs };
      expect(expiryOf({ ...at, mayBeOld: true })).toBe(NOW);
      expect(expiryOf({ ...at, mayBeOld: false })).toBe(NOW + lifetimeMs);
      expect(expiryOf(at)).toBe(NOW + lifetimeMs);
    },
  );
});
