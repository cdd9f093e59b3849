import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { VARIABLES } from '../../src/config/variables.js';
import { authorizationUrl } from '../../src/oauth/authorization-request.js';
import type { Page } from '../support/browser.js';
import { ask, authorizationOf } from '../support/requests.js';
import { type App, type World, openWorld } from '../support/world.js';

/** What the browser is sent to Fullscript with. */

const AUTHORIZE = '/oauth/authorize';
let world: World;
let app: App;
let person: string;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
  person = world.simulator.people[0]!.id;
});

afterEach(() => {
  world.simulator.faults.reset();
});

afterAll(() => world.close());

describe('SR-01', () => {
  it('SR-01 Math.random and the clock stand still → the states still differ', async () => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.5);
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now());
    const states: (string | null)[] = [];
    try {
      while (states.length < 20) {
        const { location } = await app.browser().send(AUTHORIZE);
        states.push(authorizationOf(location).get('state'));
      }
    } finally {
      random.mockRestore();
      now.mockRestore();
    }
    expect(new Set(states).size).toBe(20);
  });
});

describe('SR-02', () => {
  const shown = ({ url, headers, text }: Page) => `${url} ${JSON.stringify([...headers])} ${text}`;
  const sentBody = ({ body }: { body: string }) => JSON.parse(body) as Record<string, unknown>;

  it('SR-02 PKCE on → S256 challenge of a verifier that is new each time and seen by the token endpoint alone', async () => {
    const { simulator } = world;
    const withPkce = await world.start({ FULLSCRIPT_PKCE: 'on' });
    const before = world.tokenCalls().length;
    const pages: Page[] = [];
    const challenges: (string | null)[] = [];
    const browser = withPkce.browser();
    for (const [i, { id }] of simulator.people.entries()) {
      const callback = await browser.consent({ person: id });
      const { search } = simulator.requests.findLast(({ path }) => path.endsWith(AUTHORIZE))!;
      const sent = new URLSearchParams(search);
      expect(sent.get('code_challenge_method')).toBe('S256');
      challenges.push(sent.get('code_challenge'));
      // Error pages and log lines of failures are looked through as well.
      if (i % 2) simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
      pages.push(await browser.send(callback), await browser.send('/portal'));
      pages.push(await browser.send('/api/session'), await browser.send(AUTHORIZE));
    }
    const verifiers = world
      .tokenCalls()
      .slice(before)
      .map((call) => String(sentBody(call)['code_verifier']));
    expect(verifiers).toHaveLength(simulator.people.length);
    expect(new Set(verifiers).size).toBe(verifiers.length);
    const hashed = verifiers.map((one) => createHash('sha256').update(one).digest('base64url'));
    expect(hashed).toEqual(challenges);
    const urls = simulator.requests.map(({ path, search }) => `${path}${search}`);
    const cookies = [...browser.cookies.values()];
    const seen = [...pages.map(shown), ...urls, ...cookies, ...withPkce.lines].join('\n');
    for (const verifier of verifiers) {
      expect(verifier).toMatch(/^[\w.~-]{43,128}$/);
      expect(seen).not.toContain(verifier);
    }
  });

  it('SR-02 PKCE off, as it is by default → neither challenge nor verifier is sent', async () => {
    const before = world.tokenCalls().length;
    const { location } = await app.browser().send(AUTHORIZE);
    expect([...authorizationOf(location).keys()].sort()).toEqual(
      ['client_id', 'redirect_uri', 'response_type', 'state'].sort(),
    );
    await app.browser().signIn(person);
    const [exchange] = world.tokenCalls().slice(before);
    expect(sentBody(exchange!)).not.toHaveProperty('code_verifier');
  });
});

describe('SR-03', () => {
  const HOSTILE = [
    ...['RESPONSE_TYPE', 'RESPONSE_TYPES', 'RESPONSE_MODE', 'GRANT_TYPE', 'GRANT_TYPES', 'FLOW'],
    ...['AUTH_FLOW', 'IMPLICIT', 'USERNAME', 'PASSWORD', 'EXTRA_PARAMS', 'AUTHORIZE_PARAMS'],
  ].flatMap((name) =>
    ['', 'OAUTH_', 'FULLSCRIPT_', 'FULLSCRIPT_US_', 'FULLSCRIPT_OAUTH_'].map((p) => `${p}${name}`),
  );

  it('SR-03 whatever the browser asks for → response_type is code, once', async () => {
    for (const query of [
      '',
      'response_type=token',
      'response_type=code&response_type=token',
      'response_type=id_token%20token&response_mode=fragment',
      'grant_type=password&username=a&password=b',
    ]) {
      const { location } = await app.browser().send(`${AUTHORIZE}?${query}`);
      const sent = authorizationOf(location);
      expect(sent.getAll('response_type')).toEqual(['code']);
      for (const name of ['grant_type', 'username', 'password', 'response_mode']) {
        expect(sent.has(name)).toBe(false);
      }
    }
  });

  // An operator's own URLs come with a query at worst; that does not win either.
  it.each<[string, (apiUrl: string) => Record<string, string>]>([
    [
      'by their names',
      () =>
        Object.fromEntries(HOSTILE.map((one) => [one, /GRANT/.test(one) ? 'password' : 'token'])),
    ],
    [
      'in the query of a URL',
      (apiUrl) => ({
        FULLSCRIPT_AUTHORIZE_URL: `${apiUrl}/oauth/authorize?response_type=token`,
        FULLSCRIPT_TOKEN_URL: `${apiUrl}/oauth/token?grant_type=password`,
      }),
    ],
  ])(
    'SR-03 variables that would like another grant, %s → they change nothing',
    async (_, wishes) => {
      const own = await world.start(wishes(world.simulator.apiUrl));
      const before = world.tokenCalls().length;
      const browser = own.browser();
      const { location } = await browser.send(AUTHORIZE);
      expect(authorizationOf(location).getAll('response_type')).toEqual(['code']);
      expect((await browser.signIn(person)).url).toBe(`${own.origin}/portal`);
      world.simulator.expireAccessTokens();
      expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
      const calls = world.tokenCalls().slice(before);
      const grants = calls.map(
        ({ body }) => (JSON.parse(body) as { grant_type: string }).grant_type,
      );
      expect(grants).toEqual(['authorization_code', 'refresh_token']);
    },
  );

  it('SR-03 any variable of ours set → response_type is code', () => {
    const credentials = { FULLSCRIPT_CLIENT_ID: 'a', FULLSCRIPT_CLIENT_SECRET: 'b' };
    for (const { name, example } of Object.values(VARIABLES)) {
      const { registrations } = loadConfig({ ...app.env, ...credentials, [name]: example });
      const { searchParams } = new URL(
        authorizationUrl({ registration: registrations[0]!, state: 's' }),
      );
      expect({ name, asked: searchParams.getAll('response_type') }).toEqual({
        name,
        asked: ['code'],
      });
    }
  });

  it('SR-03 the sources give grant_type two values and response_type one', () => {
    const src = new URL('../../src/', import.meta.url).pathname;
    const text = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.startsWith('simulator/'))
      .map((path) => readFileSync(join(src, path), 'utf8'))
      .join('\n');
    // As a property, as an argument, or in a query; the name alone is part of an error code too.
    const given = (name: string) =>
      [...text.matchAll(new RegExp(`\\b${name}(?:['"]?\\s*[:,]\\s*|=)([^\\s,;)}]+)`, 'g'))].map(
        ([, value]) => value!,
      );
    expect(given('grant_type').sort()).toEqual(["'authorization_code'", "'refresh_token'"]);
    expect(new Set(given('response_type'))).toEqual(new Set(["'code'"]));
  });
});

describe('SR-04', () => {
  const FORGED = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '8443',
    forwarded: 'for=203.0.113.9;host=evil.example;proto=https',
    'x-original-host': 'evil.example',
  };
  const alone = Object.entries(FORGED).map(([name, value]) => ({ [name]: value }));

  it.each(['', '1'])(
    'SR-04 TRUST_PROXY="%s", forged headers alone and together → the configured redirect_uri, byte for byte',
    async (TRUST_PROXY) => {
      const own = await world.start((port) => ({
        FULLSCRIPT_REDIRECT_URI: `http://127.0.0.1:${port}/auth/Return.cb?tenant=1&x=%20y`,
        TRUST_PROXY,
      }));
      const configured = own.env['FULLSCRIPT_REDIRECT_URI'];
      for (const headers of [{}, ...alone, FORGED] as Record<string, string>[]) {
        const { location } = (await ask(`${own.origin}${AUTHORIZE}`, { headers })).headers;
        expect(authorizationOf(location).get('redirect_uri')).toBe(configured);
        expect(location).toContain(`${world.simulator.apiUrl}${AUTHORIZE}?`);
        expect(location).not.toContain('evil');
      }
      const forged = { 'x-forwarded-host': 'evil.example', forwarded: FORGED.forwarded };
      expect((await own.browser(forged).signIn(person)).url).toBe(`${own.origin}/portal`);
      const exchange = world.tokenCalls().findLast(({ body }) => body.includes('redirect_uri'));
      expect(JSON.parse(exchange!.body)).toMatchObject({ redirect_uri: configured });
    },
  );

  it('SR-04 a redirect URI with a path of its own → the callback lives there and nowhere else', async () => {
    const own = await world.start((port) => ({
      FULLSCRIPT_REDIRECT_URI: `http://127.0.0.1:${port}/auth/fullscript.return`,
    }));
    const browser = own.browser();
    expect((await browser.signIn(person)).url).toBe(`${own.origin}/portal`);
    expect((await browser.send('/auth/fullscriptXreturn?state=a')).status).toBe(404);
    expect((await browser.send('/oauth/callback?state=a')).status).toBe(404);
  });
});
