import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { REVOKE_TIMEOUT_MS, TOKEN_TIMEOUT_MS } from '../../src/custody.js';
import { answering, closePeers, startPeer } from '../fixtures/peer.js';
import { SECRETS } from '../support/app.js';
import { startProcess } from '../support/process.js';
import { type Site, openSite } from '../support/site.js';
import { gate, until } from '../support/custody.js';

/** Where codes, secrets and tokens may travel. */

const CREDENTIALS = { FULLSCRIPT_CLIENT_ID: 'a', FULLSCRIPT_CLIENT_SECRET: 'b' };
/** Names that look like this machine and are not. */
const ELSEWHERE = [
  'http://portal.example.com',
  'http://localhost.evil.example',
  'http://127.0.0.1.evil.example',
  'http://localhost@evil.example',
  'http://10.0.0.7',
  'http://0.0.0.0',
  'http://[::2]',
  'HTTP://portal.example.com',
];
const HERE = ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:3000'];

/** The real server with this environment: its exit code, and what it said. */
async function startedWith(env: Record<string, string>) {
  const cwd = await mkdtemp(join(tmpdir(), 'fc-start-'));
  try {
    const server = startProcess({ cwd, env: { ...SECRETS, ...CREDENTIALS, PORT: '0', ...env } });
    // One that starts all the same would never end by itself.
    const timer = setTimeout(() => void server.child.kill('SIGKILL'), 15_000);
    const code = await server.exited;
    clearTimeout(timer);
    return { code, said: server.output() };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** The variables that loading this environment complains of. */
function refusedIn(env: Record<string, string>): string[] {
  try {
    loadConfig({ ...SECRETS, ...CREDENTIALS, ...env });
    return [];
  } catch (error) {
    const { problems = [] } = error as { problems?: { variable: string; problem: string }[] };
    return problems
      .filter(({ problem }) => problem.includes('must be https'))
      .map(({ variable }) => variable);
  }
}

const SHARED = ['FULLSCRIPT_API_URL', 'FULLSCRIPT_AUTHORIZE_URL'];
const ENDPOINTS = [...SHARED, 'FULLSCRIPT_TOKEN_URL', 'FULLSCRIPT_REVOKE_URL'];

describe('SR-04 at the start', () => {
  const REDIRECT = ['FULLSCRIPT_REDIRECT_URI', 'FULLSCRIPT_US_REDIRECT_URI'];

  it.each(ELSEWHERE)('SR-04 redirect URI at %s → refused', (origin) => {
    const path = `${origin}/oauth/callback`;
    const us = { FULLSCRIPT_US_CLIENT_ID: 'a', FULLSCRIPT_US_CLIENT_SECRET: 'b' };
    expect(refusedIn({ FULLSCRIPT_REDIRECT_URI: path })).toEqual(['FULLSCRIPT_REDIRECT_URI']);
    const own = { FULLSCRIPT_CLIENT_ID: '', FULLSCRIPT_CLIENT_SECRET: '', ...us };
    expect(refusedIn({ ...own, FULLSCRIPT_US_REDIRECT_URI: path })).toContain(REDIRECT[1]);
  });

  it.each([...HERE, 'https://portal.example.com'])('SR-04 redirect URI at %s → taken', (origin) => {
    expect(refusedIn({ FULLSCRIPT_REDIRECT_URI: `${origin}/oauth/callback` })).toEqual([]);
  });

  it.each([
    ['given', { FULLSCRIPT_REDIRECT_URI: 'http://portal.example.com/oauth/callback' }],
    ['made of BASE_URL', { BASE_URL: 'http://portal.example.com' }],
  ])('SR-04 plain-http redirect URI, %s → the server ends with 78 and says why', async (_, env) => {
    const { code, said } = await startedWith(env);
    expect(code).toBe(78);
    expect(said).toMatch(/FULLSCRIPT_REDIRECT_URI must be https, except on this machine/);
  });
});

describe('SR-07 at the start', () => {
  it.each(ENDPOINTS)('SR-07 %s by plain http on another host → refused', (variable) => {
    for (const origin of ELSEWHERE) {
      expect({ origin, refused: refusedIn({ [variable]: `${origin}/x` }) }).toEqual({
        ...{ origin, refused: [variable] },
      });
    }
    for (const origin of [...HERE, 'https://api.example.com']) {
      expect({ origin, refused: refusedIn({ [variable]: `${origin}/x` }) }).toEqual({
        ...{ origin, refused: [] },
      });
    }
  });

  it("SR-07 a country's own endpoints by plain http on another host → refused", () => {
    const ca = { FULLSCRIPT_CA_CLIENT_ID: 'a', FULLSCRIPT_CA_CLIENT_SECRET: 'b' };
    for (const name of ENDPOINTS.map((one) => one.replace('FULLSCRIPT_', 'FULLSCRIPT_CA_'))) {
      expect(refusedIn({ ...ca, [name]: 'http://api.example.com/x' })).toEqual([name]);
    }
  });

  it('SR-07 all of them by plain http → the server ends with 78 and names each', async () => {
    const urls = ENDPOINTS.map((name) => [name, 'http://fullscript.example.com/x']);
    const { code, said } = await startedWith(Object.fromEntries(urls) as Record<string, string>);
    expect(code).toBe(78);
    for (const name of ENDPOINTS) expect(said).toContain(`${name} must be https`);
  });

  it('SR-07 a simulator by plain http on another host, in production → refused', async () => {
    const production = { NODE_ENV: 'production', BASE_URL: 'https://portal.example.com' };
    const none = { FULLSCRIPT_CLIENT_ID: '', FULLSCRIPT_CLIENT_SECRET: '' };
    const simulator = { SIMULATOR_URL: 'http://simulator.example.com' };
    const { code, said } = await startedWith({ ...production, ...none, ...simulator });
    expect(code).toBe(78);
    expect(said).toContain('the simulator is not for production');
  });
});

describe('SR-07', () => {
  // Long enough for every call that is answered, on a busy machine too.
  const SHORT_MS = 1_500;
  let site: Site;
  let person: string;

  beforeAll(async () => {
    site = await openSite({}, { tokenTimeoutMs: SHORT_MS, revokeTimeoutMs: SHORT_MS });
    person = site.simulator.people[0]!.id;
  });

  afterEach(async () => {
    site.simulator.faults.reset();
    await closePeers();
  });

  afterAll(() => site.close());

  /** A redirect at an endpoint of Fullscript, and the place it leads to. */
  async function redirected(endpoint: 'token' | 'revoke', status: number) {
    const elsewhere = await startPeer(answering(200, { oauth: { access_token: 'forged' } }));
    const headers = { location: `${elsewhere.origin}/oauth/token` };
    site.simulator.faults.add({ endpoint, kind: 'status', status, headers });
    return elsewhere;
  }

  describe.each([301, 302, 303, 307, 308])('answered with %i', (status) => {
    it(`SR-07 a code exchange answered with ${status} → not followed, nobody signed in`, async () => {
      const browser = site.browser();
      const callback = await browser.consent({ person });
      const elsewhere = await redirected('token', status);
      expect((await browser.send(callback)).status).toBe(502);
      expect(elsewhere.received).toEqual([]);
      expect(await browser.json('/api/session')).toEqual({ signedIn: false });
    });

    it(`SR-07 a refresh answered with ${status} → not followed, the connection is kept`, async () => {
      const browser = site.browser();
      await browser.signIn(person);
      site.simulator.expireAccessTokens();
      const elsewhere = await redirected('token', status);
      expect((await browser.send('/api/fullscript/clinic')).status).toBe(502);
      expect(elsewhere.received).toEqual([]);
      expect(await browser.json('/api/session')).toMatchObject({ status: 'active' });
    });

    it(`SR-07 a revocation answered with ${status} → not followed, and not taken for done`, async () => {
      const browser = site.browser();
      await browser.signIn(person);
      const elsewhere = await redirected('revoke', status);
      const { location } = await browser.post('/oauth/disconnect');
      expect(location).toBe('/portal?disconnected=here');
      expect(elsewhere.received).toEqual([]);
    });
  });

  it.each([
    ['code exchange', 'authorization_code'],
    ['refresh', 'refresh_token'],
  ] as const)('SR-07 a %s that is never answered → given up in time', async (_, grantType) => {
    const browser = site.browser();
    const { opened, open } = gate();
    await browser.signIn(person);
    const callback = await browser.consent({ person });
    site.simulator.expireAccessTokens();
    site.simulator.faults.add({ endpoint: 'token', grantType, kind: 'delay', until: opened });
    const from = performance.now();
    const path = grantType === 'refresh_token' ? '/api/fullscript/clinic' : callback;
    expect((await browser.send(path)).status).toBe(504);
    expect(performance.now() - from).toBeLessThan(SHORT_MS + 2_000);
    open();
  });

  it('SR-07 a revocation that is never answered → given up in time', async () => {
    const browser = site.browser();
    await browser.signIn(person);
    const { opened, open } = gate();
    site.simulator.faults.add({ endpoint: 'revoke', kind: 'delay', until: opened });
    const from = performance.now();
    expect((await browser.post('/oauth/disconnect')).location).toBe('/portal?disconnected=here');
    expect(performance.now() - from).toBeLessThan(2 * SHORT_MS + 2_000);
    open();
    await until(() => site.lines.some((line) => line.includes('revocation failed')));
  });

  it('SR-07 unless told otherwise → half a minute at most', () => {
    expect(Math.max(TOKEN_TIMEOUT_MS, REVOKE_TIMEOUT_MS)).toBeLessThanOrEqual(30_000);
  });
});
