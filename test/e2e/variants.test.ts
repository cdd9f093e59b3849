import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  SIMULATOR_CLIENT_ID,
  SIMULATOR_CLIENT_SECRET,
  type Simulator,
  startSimulator,
} from '../../src/simulator/simulator.js';
import { copyOf, createBrowser } from '../support/browser.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';
import { type World, openWorld, openWorldWithRedis } from '../support/world.js';
import { DURABLE } from '../support/redis-server.js';

let world: World;
let canada: Simulator;
/** What a test has opened beside them. */
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  [world, canada] = await Promise.all([openWorld(), startSimulator()]);
});

afterAll(async () => {
  await world.close();
  await canada.close();
});

beforeEach(() => world.stored.flushdb());

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const withCanada = () => ({
  FULLSCRIPT_CA_CLIENT_ID: SIMULATOR_CLIENT_ID,
  FULLSCRIPT_CA_CLIENT_SECRET: SIMULATOR_CLIENT_SECRET,
  FULLSCRIPT_CA_API_URL: canada.apiUrl,
});

interface Session {
  registration: string;
  resourceOwner: { id: string; type: string };
  signedIn: boolean;
}

describe('two countries at once', () => {
  it('each has its own button, its own server and its own grant of the same person', async () => {
    const us = world.simulator;
    const app = await world.start(withCanada());
    const browser = app.browser();
    expect(await browser.send('/portal')).toMatchObject({
      status: 303,
      location: '/?returnTo=%2Fportal',
    });
    const landing = await browser.send('/?returnTo=%2Fportal');
    expect(landing.text).toContain('(United States)');
    expect(landing.text).toContain(
      '/oauth/authorize?registration=ca-sandbox&amp;returnTo=%2Fportal',
    );
    const person = us.people[0]!.id;
    await browser.signIn(person, '/oauth/authorize?registration=ca-sandbox');
    expect(await browser.json<Session>('/api/session')).toMatchObject({
      registration: 'ca-sandbox',
      resourceOwner: { id: person },
    });
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    const other = app.browser();
    await other.signIn(person, '/oauth/authorize?registration=us-sandbox');
    await browser.post('/oauth/disconnect');
    expect((await other.send('/api/fullscript/clinic')).status).toBe(200);
    expect({ us: us.stats.exchanges, ca: canada.stats.exchanges }).toEqual({ us: 1, ca: 1 });
    expect({ us: us.stats.livePairs, ca: canada.stats.livePairs }).toEqual({ us: 1, ca: 0 });
  });

  it('the application somebody signed in with is taken away → the start page leads on', async () => {
    const before = (await world.start(withCanada())).browser();
    const person = world.simulator.people[0]!.id;
    await before.signIn(person, '/oauth/authorize?registration=ca-sandbox');
    const browser = copyOf(before, (await world.start()).origin);
    const portal = await browser.send('/portal');
    expect(portal.status).toBe(404);
    expect(portal.text).toMatch(/<a class="button" href="\/">/);
    expect((await browser.send('/')).text).toContain(
      'href="/oauth/authorize?registration=us-sandbox',
    );
    await browser.signIn(person, '/oauth/authorize?registration=us-sandbox');
    expect((await browser.send('/')).location).toBe('/portal');
    expect((await browser.send('/portal')).status).toBe(200);
  });
});

describe('an application from before 26 August 2021', () => {
  it('acts for the clinic, and the portal says so', async () => {
    const legacy = await openWorld({ simulator: { legacyClinicTokens: true } });
    ends.push(legacy.close);
    const browser = (await legacy.start()).browser();
    const portal = await browser.signIn(legacy.simulator.people[0]!.id);
    expect(portal.text).toContain('it acts for the whole clinic');
    expect(await browser.json<Session>('/api/session')).toMatchObject({
      resourceOwner: { type: 'Clinic' },
    });
  });
});

describe('another name of this machine', () => {
  it('is left for the one in the redirect URI, so that the cookie comes back', async () => {
    const { simulator } = world;
    const { local } = await world.start((port) => ({ BASE_URL: `http://localhost:${port}` }));
    const { port } = new URL(local);
    const path = '/oauth/authorize?returnTo=%2Fportal%3Fx%3D1';
    const headers = { 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none' };
    for (const page of ['/', '/portal?tab=1', path]) {
      expect(await createBrowser(local).send(page, { headers })).toMatchObject({
        status: 303,
        location: `http://localhost:${port}${page}`,
      });
    }
    // Anything but a browser knows what it asks for.
    const started = await createBrowser(local).send(path);
    expect(started.location).toContain(simulator.origin);
    const browser = createBrowser(`http://localhost:${port}`);
    expect((await browser.signIn(simulator.people[0]!.id, path)).url).toBe(
      `http://localhost:${port}/portal?x=1`,
    );
  });
});

describe('an API base without a path', () => {
  it('serves sign-in, gateway and portal', async () => {
    const { simulator } = world;
    const app = await world.start({
      FULLSCRIPT_API_URL: simulator.origin,
      FULLSCRIPT_AUTHORIZE_URL: `${simulator.apiUrl}/oauth/authorize`,
      FULLSCRIPT_TOKEN_URL: `${simulator.apiUrl}/oauth/token`,
    });
    const browser = app.browser();
    await browser.signIn(simulator.people[0]!.id);
    expect((await browser.send('/api/fullscript/api/clinic')).status).toBe(200);
  });
});

describe('behind a TLS proxy', () => {
  it('without TRUST_PROXY the log says why nobody can sign in', async () => {
    const { lines } = await world.start((port) => ({
      BASE_URL: 'https://portal.example.test',
      FULLSCRIPT_REDIRECT_URI: `http://127.0.0.1:${port}/oauth/callback`,
    }));
    expect(lines.join('')).toContain('TRUST_PROXY is unset');
  });
});

describe('Redis dying between the answer of a refresh and its save', () => {
  it('→ the call is served from the journal, readiness is red, and nothing is lost', async () => {
    const own = await openWorldWithRedis({
      args: DURABLE,
    });
    ends.push(own.close);
    const { simulator, redis } = own;
    const browser = (await own.start()).browser();
    await browser.signIn(simulator.people[0]!.id);
    simulator.expireAccessTokens();
    const { opened: mayAnswer, open: answer } = gate();
    const delay = { endpoint: 'token', kind: 'delay', when: 'after', until: mayAnswer } as const;
    simulator.faults.add({ ...delay, times: 1 });
    const call = browser.send('/api/fullscript/clinic');
    await until(() => simulator.stats.refreshes === 1);
    await redis.kill();
    answer();
    expect((await call).status).toBe(200);
    expect((await browser.send('/readyz')).text).toContain('"journal":"1 to be saved"');
    await redis.restart();
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    expect(simulator.stats.refreshes).toBe(1);
  });
});

describe('METRICS_TOKEN', () => {
  it('guards /metrics', async () => {
    const browser = (await world.start({ METRICS_TOKEN: 'm-secret' })).browser();
    expect((await browser.send('/metrics')).status).toBe(401);
    const authorization = 'Bearer m-secret';
    const answer = await browser.send('/metrics', { headers: { authorization } });
    expect(answer.status).toBe(200);
  });
});
