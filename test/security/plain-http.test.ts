import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { REVOKE_TIMEOUT_MS, TOKEN_TIMEOUT_MS } from '../../src/custody.js';
import { answering, closePeers, startPeer } from '../fixtures/peer.js';
import { SECRETS } from '../support/app.js';
import { gate } from '../support/gate.js';
import { copyOf } from '../support/browser.js';
import { until } from '../support/until.js';
import { type App, type World, openWorld } from '../support/world.js';

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

/** The variables that loading this environment complains of in these words. */
function refusedIn(env: Record<string, string>, words = 'must be https'): string[] {
  try {
    loadConfig({ ...SECRETS, ...CREDENTIALS, ...env });
    return [];
  } catch (error) {
    const { problems = [] } = error as { problems?: { variable: string; problem: string }[] };
    return problems
      .filter(({ problem }) => problem.includes(words))
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

  it('SR-04 made of a BASE_URL by plain http → refused', () => {
    const refused = refusedIn({ BASE_URL: 'http://portal.example.com' });
    expect(refused).toEqual(['FULLSCRIPT_REDIRECT_URI']);
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

  it('SR-07 a simulator by plain http on another host, in production → refused', () => {
    const production = { NODE_ENV: 'production', BASE_URL: 'https://portal.example.com' };
    const none = { FULLSCRIPT_CLIENT_ID: '', FULLSCRIPT_CLIENT_SECRET: '' };
    const env = { ...production, ...none, SIMULATOR_URL: 'http://simulator.example.com' };
    expect(refusedIn(env, 'the simulator is not for production')).not.toEqual([]);
  });
});

describe('SR-07', () => {
  const SHORT_MS = 250;
  let world: World;
  let app: App;
  /** Beside it, for the calls that are not answered. */
  let impatient: App;
  let person: string;

  beforeAll(async () => {
    world = await openWorld();
    app = await world.start();
    impatient = await world.start({}, { tokenTimeoutMs: SHORT_MS, revokeTimeoutMs: SHORT_MS });
    person = world.simulator.people[0]!.id;
  });

  afterEach(async () => {
    world.simulator.faults.reset();
    await closePeers();
  });

  afterAll(() => world.close());

  async function signedIn() {
    const browser = app.browser();
    await browser.signIn(person);
    return browser;
  }

  /** A redirect at an endpoint of Fullscript, and the place it leads to. */
  async function redirected(endpoint: 'token' | 'revoke', status: number) {
    const elsewhere = await startPeer(answering(200, { oauth: { access_token: 'forged' } }));
    const headers = { location: `${elsewhere.origin}/oauth/token` };
    world.simulator.faults.add({ endpoint, kind: 'status', status, headers });
    return elsewhere;
  }

  // Clients of HTTP repeat a POST behind 307, and make a GET of it behind 302.
  describe.each([302, 307])('answered with %i', (status) => {
    it(`SR-07 a code exchange answered with ${status} → not followed, nobody signed in`, async () => {
      const browser = app.browser();
      const callback = await browser.consent({ person });
      const elsewhere = await redirected('token', status);
      expect((await browser.send(callback)).status).toBe(502);
      expect(elsewhere.received).toEqual([]);
      expect(await browser.json('/api/session')).toEqual({ signedIn: false });
    });

    it(`SR-07 a refresh answered with ${status} → not followed, the connection is kept`, async () => {
      const browser = await signedIn();
      world.simulator.expireAccessTokens();
      const elsewhere = await redirected('token', status);
      expect((await browser.send('/api/fullscript/clinic')).status).toBe(502);
      expect(elsewhere.received).toEqual([]);
      expect(await browser.json('/api/session')).toMatchObject({ status: 'active' });
    });

    it(`SR-07 a revocation answered with ${status} → not followed, and not taken for done`, async () => {
      const browser = await signedIn();
      const elsewhere = await redirected('revoke', status);
      const { location } = await browser.post('/oauth/disconnect');
      expect(location).toBe('/portal?disconnected=here');
      expect(elsewhere.received).toEqual([]);
    });
  });

  /** Whether that was done before the default of the server had passed. */
  async function inTime<T>(done: Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await done;
    expect(performance.now() - from).toBeLessThan(REVOKE_TIMEOUT_MS);
    return result;
  }

  it('SR-07 a code exchange that is never answered → given up in time', async () => {
    const { opened, open } = gate();
    const browser = impatient.browser();
    const callback = await browser.consent({ person });
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened });
    expect((await inTime(browser.send(callback))).status).toBe(504);
    open();
  });

  it('SR-07 a refresh that is never answered → given up in time', async () => {
    const { opened, open } = gate();
    const browser = copyOf(await signedIn(), impatient.origin);
    world.simulator.expireAccessTokens();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened });
    expect((await inTime(browser.send('/api/fullscript/clinic'))).status).toBe(504);
    open();
  });

  it('SR-07 a revocation that is never answered → given up in time', async () => {
    const { opened, open } = gate();
    const browser = copyOf(await signedIn(), impatient.origin);
    world.simulator.faults.add({ endpoint: 'revoke', kind: 'delay', until: opened });
    const { location } = await inTime(browser.post('/oauth/disconnect'));
    expect(location).toBe('/portal?disconnected=here');
    open();
    await until(() => impatient.lines.some((line) => line.includes('revocation failed')));
  });

  it('SR-07 unless told otherwise → half a minute at most', () => {
    expect(Math.max(TOKEN_TIMEOUT_MS, REVOKE_TIMEOUT_MS)).toBeLessThanOrEqual(30_000);
  });
});
