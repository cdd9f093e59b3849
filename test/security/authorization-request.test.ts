import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createBrowser } from '../support/browser.js';
import { loadConfig } from '../../src/config.js';
import { VARIABLES } from '../../src/config/variables.js';
import { authorizationUrl } from '../../src/oauth/authorization-request.js';
import type { Page } from '../support/browser.js';
import { type Site, ask, authorizationOf, openSite } from '../support/site.js';

/** What the browser is sent to Fullscript with. */

const AUTHORIZE = '/oauth/authorize';
let site: Site;
let person: string;

beforeAll(async () => {
  site = await openSite();
  person = site.simulator.people[0]!.id;
});

afterAll(() => site.close());

describe('SR-01', () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  afterAll(() => agent.destroy());

  /** A machine that stands still for half a second answers 503, which says nothing about states. */
  async function start(triesLeft = 3): Promise<string> {
    const { status, headers } = await ask(`${site.origin}${AUTHORIZE}`, { agent });
    if (status === 503 && triesLeft > 0) return start(triesLeft - 1);
    return authorizationOf(headers.location).get('state')!;
  }

  const startMany = (count: number) => Promise.all(Array.from({ length: count }, () => start()));

  /** Bits of a value, as 0 and 1. */
  const bitsOf = (state: string) =>
    [...Buffer.from(state, 'base64url')].flatMap((byte) =>
      Array.from({ length: 8 }, (_, bit) => (byte >> bit) & 1),
    );

  it('SR-01 10 000 starts → 10 000 different states of 256 bits, none of which shows a pattern', async () => {
    const states: string[] = [];
    for (let round = 0; round < 20; round += 1) states.push(...(await startMany(500)));
    expect(new Set(states).size).toBe(10_000);
    expect(states.filter((state) => !/^[\w-]{43}$/.test(state))).toEqual([]);
    const bits = states.map(bitsOf);
    // Of a fair coin, 10 000 throws: six standard deviations are 300. Equal to its neighbour counts too,
    // because the lowest bit of a counter is perfectly balanced.
    for (let at = 0; at < 256; at += 1) {
      const ones = bits.reduce((sum, row) => sum + row[at]!, 0);
      const changes = bits.reduce((sum, row, i) => sum + (row[at]! ^ (bits[i - 1] ?? row)[at]!), 0);
      expect(Math.abs(ones - 5_000)).toBeLessThan(300);
      expect(Math.abs(changes - 5_000)).toBeLessThan(300);
    }
  }, 120_000);

  it('SR-01 Math.random and the clock stand still → the states still differ', async () => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(0.5);
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now());
    try {
      expect(new Set(await startMany(100)).size).toBe(100);
    } finally {
      random.mockRestore();
      now.mockRestore();
    }
  });
});

describe('SR-02', () => {
  let withPkce: Site;
  beforeAll(async () => {
    withPkce = await openSite({ FULLSCRIPT_PKCE: 'on' });
  });
  afterAll(() => withPkce.close());

  const shown = ({ url, headers, text }: Page) => `${url} ${JSON.stringify([...headers])} ${text}`;
  const sentBody = ({ body }: { body: string }) => JSON.parse(body) as Record<string, unknown>;

  it('SR-02 PKCE on → S256 challenge of a verifier that is new each time and seen by the token endpoint alone', async () => {
    const { simulator } = withPkce;
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
    const verifiers = withPkce.tokenCalls().map((call) => String(sentBody(call)['code_verifier']));
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
    const before = site.tokenCalls().length;
    const { location } = await site.browser().send(AUTHORIZE);
    expect([...authorizationOf(location).keys()].sort()).toEqual(
      ['client_id', 'redirect_uri', 'response_type', 'state'].sort(),
    );
    await site.browser().signIn(person);
    const [exchange] = site.tokenCalls().slice(before);
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
      const { location } = await site.browser().send(`${AUTHORIZE}?${query}`);
      const sent = authorizationOf(location);
      expect(sent.getAll('response_type')).toEqual(['code']);
      for (const name of ['grant_type', 'username', 'password', 'response_mode']) {
        expect(sent.has(name)).toBe(false);
      }
    }
  });

  it('SR-03 variables that would like another grant → they change nothing', async () => {
    const wishes = HOSTILE.map((name) => [name, /GRANT/.test(name) ? 'password' : 'token']);
    const own = await openSite(Object.fromEntries(wishes) as Record<string, string>);
    // An operator's own URLs come with a query at worst; that does not win either.
    const { apiUrl } = own.simulator;
    const other = await openSite({
      FULLSCRIPT_API_URL: apiUrl,
      FULLSCRIPT_AUTHORIZE_URL: `${apiUrl}/oauth/authorize?response_type=token`,
      FULLSCRIPT_TOKEN_URL: `${apiUrl}/oauth/token?grant_type=password`,
    });
    try {
      for (const one of [own, other]) {
        const browser = one.browser();
        const { location } = await browser.send(AUTHORIZE);
        expect(authorizationOf(location).getAll('response_type')).toEqual(['code']);
        expect((await browser.signIn(person)).url).toBe(`${one.origin}/portal`);
        own.simulator.expireAccessTokens();
        expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
        await browser.post('/oauth/disconnect');
      }
      const grants = own.tokenCalls().map(({ grantType }) => grantType);
      expect(grants).toEqual([1, 2].flatMap(() => ['authorization_code', 'refresh_token']));
    } finally {
      await Promise.all([own.close(), other.close()]);
    }
  });

  it.each(Object.values(VARIABLES).map(({ name, example }) => [name, example] as const))(
    'SR-03 %s set → response_type is code',
    (name, example) => {
      const credentials = { FULLSCRIPT_CLIENT_ID: 'a', FULLSCRIPT_CLIENT_SECRET: 'b' };
      const { registrations } = loadConfig({ ...site.env, ...credentials, [name]: example });
      const url = authorizationUrl({ registration: registrations[0]!, state: 's' });
      expect(new URL(url).searchParams.getAll('response_type')).toEqual(['code']);
    },
  );

  it('SR-03 the sources name two grant types and one response type', () => {
    const src = new URL('../../src/', import.meta.url).pathname;
    const text = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.startsWith('simulator'))
      .map((path) => readFileSync(join(src, path), 'utf8'))
      .join('\n');
    const named = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, value]) => value).sort();
    expect(named(/grant_type: '([^']*)'/g)).toEqual(['authorization_code', 'refresh_token']);
    expect(named(/'response_type', (.*)\)/g)).toEqual(["'code'"]);
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

  /** Every choice of these headers. */
  function* combinations(): Generator<Record<string, string>> {
    const all = Object.entries(FORGED);
    for (let choice = 0; choice < 2 ** all.length; choice += 1) {
      yield Object.fromEntries(all.filter((_, i) => (choice >> i) & 1));
    }
  }

  it.each(['', '1', 'loopback'])(
    'SR-04 TRUST_PROXY="%s", every combination of forged headers → the configured redirect_uri, byte for byte',
    async (TRUST_PROXY) => {
      let configured = '';
      const own = await openSite((port) => {
        configured = `http://127.0.0.1:${port}/auth/Return.cb?tenant=1&x=%20y`;
        return { TRUST_PROXY, FULLSCRIPT_REDIRECT_URI: configured };
      });
      try {
        for (const headers of combinations()) {
          const answer = await ask(`${own.origin}${AUTHORIZE}`, { headers });
          expect(authorizationOf(answer.headers.location).get('redirect_uri')).toBe(configured);
          expect(answer.headers.location).toContain(`${own.simulator.apiUrl}${AUTHORIZE}?`);
          expect(answer.headers.location).not.toContain('evil');
        }
        const forged = { 'x-forwarded-host': 'evil.example', forwarded: FORGED.forwarded };
        const browser = createBrowser(own.origin, forged);
        expect((await browser.signIn(person)).url).toBe(`${own.origin}/portal`);
        const [exchange] = own.tokenCalls();
        expect(JSON.parse(exchange!.body)).toMatchObject({ redirect_uri: configured });
      } finally {
        await own.close();
      }
    },
    60_000,
  );

  it('SR-04 a redirect URI with a path of its own → the callback lives there and nowhere else', async () => {
    const own = await openSite((port) => ({
      FULLSCRIPT_REDIRECT_URI: `http://127.0.0.1:${port}/auth/fullscript.return`,
    }));
    try {
      const browser = own.browser();
      expect((await browser.signIn(person)).url).toBe(`${own.origin}/portal`);
      expect((await browser.send('/auth/fullscriptXreturn?state=a')).status).toBe(404);
      expect((await browser.send('/oauth/callback?state=a')).status).toBe(404);
    } finally {
      await own.close();
    }
  });
});
