import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  SIMULATOR_CLIENT_ID,
  SIMULATOR_CLIENT_SECRET,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/simulator/simulator.js';
import { environment, freePort, startApp } from '../support/app.js';
import { createBrowser } from '../support/browser.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { gate, until } from '../support/custody.js';

let redis: TestRedis;
const opened: (() => Promise<void>)[] = [];

beforeAll(async () => {
  redis = await startRedis();
});

afterAll(async () => {
  for (const close of opened.reverse()) await close();
  await redis.stop();
});

async function simulatorWith(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  opened.push(() => simulator.close());
  return simulator;
}

async function appWith(simulator: Simulator, extra: (port: number) => Record<string, string>) {
  const port = await freePort();
  const env = environment({ simulator, redisUrl: redis.url, port });
  const app = await startApp({ ...env, ...extra(port) });
  opened.push(app.close);
  return { ...app, local: `http://127.0.0.1:${port}` };
}

interface Session {
  registration: string;
  resourceOwner: { id: string; type: string };
  signedIn: boolean;
}

describe('two countries at once', () => {
  it('each has its own button, its own server and its own grant of the same person', async () => {
    const us = await simulatorWith();
    const ca = await simulatorWith();
    const { origin } = await appWith(us, () => ({
      FULLSCRIPT_CA_CLIENT_ID: SIMULATOR_CLIENT_ID,
      FULLSCRIPT_CA_CLIENT_SECRET: SIMULATOR_CLIENT_SECRET,
      FULLSCRIPT_CA_API_URL: ca.apiUrl,
    }));
    const browser = createBrowser(origin);
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
    const other = createBrowser(origin);
    await other.signIn(person, '/oauth/authorize?registration=us-sandbox');
    await browser.post('/oauth/disconnect');
    expect((await other.send('/api/fullscript/clinic')).status).toBe(200);
    expect({ us: us.stats.exchanges, ca: ca.stats.exchanges }).toEqual({ us: 1, ca: 1 });
    expect({ us: us.stats.livePairs, ca: ca.stats.livePairs }).toEqual({ us: 1, ca: 0 });
  });

  it('the application somebody signed in with is taken away → the start page leads on', async () => {
    const [us, ca] = [await simulatorWith(), await simulatorWith()];
    const both = await appWith(us, () => ({
      FULLSCRIPT_CA_CLIENT_ID: SIMULATOR_CLIENT_ID,
      FULLSCRIPT_CA_CLIENT_SECRET: SIMULATOR_CLIENT_SECRET,
      FULLSCRIPT_CA_API_URL: ca.apiUrl,
    }));
    const before = createBrowser(both.origin);
    const person = us.people[0]!.id;
    await before.signIn(person, '/oauth/authorize?registration=ca-sandbox');
    const { origin } = await appWith(us, () => ({}));
    const browser = createBrowser(origin);
    for (const [name, value] of before.cookies) browser.cookies.set(name, value);
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
    const simulator = await simulatorWith({ legacyClinicTokens: true });
    const { origin } = await appWith(simulator, () => ({}));
    const browser = createBrowser(origin);
    const person = simulator.people[0]!.id;
    const portal = await browser.signIn(person);
    expect(portal.text).toContain('it acts for the whole clinic');
    expect(await browser.json<Session>('/api/session')).toMatchObject({
      resourceOwner: { type: 'Clinic' },
    });
  });
});

describe('another name of this machine', () => {
  it('is left for the one in the redirect URI, so that the cookie comes back', async () => {
    const simulator = await simulatorWith();
    const { local } = await appWith(simulator, (port) => ({
      BASE_URL: `http://localhost:${port}`,
    }));
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
    const simulator = await simulatorWith();
    const { origin } = await appWith(simulator, () => ({
      FULLSCRIPT_API_URL: simulator.origin,
      FULLSCRIPT_AUTHORIZE_URL: `${simulator.apiUrl}/oauth/authorize`,
      FULLSCRIPT_TOKEN_URL: `${simulator.apiUrl}/oauth/token`,
    }));
    const browser = createBrowser(origin);
    await browser.signIn(simulator.people[0]!.id);
    expect((await browser.send('/api/fullscript/api/clinic')).status).toBe(200);
  });
});

describe('behind a TLS proxy', () => {
  it('without TRUST_PROXY the log says why nobody can sign in', async () => {
    const { lines } = await appWith(await simulatorWith(), (port) => ({
      BASE_URL: 'https://portal.example.test',
      FULLSCRIPT_REDIRECT_URI: `http://127.0.0.1:${port}/oauth/callback`,
    }));
    expect(lines.join('')).toContain('TRUST_PROXY is unset');
  });
});

describe('Redis dying between the answer of a refresh and its save', () => {
  it('→ the call is served from the journal, readiness is red, and nothing is lost', async () => {
    const own = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    opened.push(own.stop);
    const simulator = await simulatorWith();
    const { origin } = await appWith(simulator, () => ({ REDIS_URL: own.url }));
    const browser = createBrowser(origin);
    await browser.signIn(simulator.people[0]!.id);
    simulator.expireAccessTokens();
    const { opened: mayAnswer, open: answer } = gate();
    const delay = { endpoint: 'token', kind: 'delay', when: 'after', until: mayAnswer } as const;
    simulator.faults.add({ ...delay, times: 1 });
    const call = browser.send('/api/fullscript/clinic');
    await until(() => simulator.stats.refreshes === 1);
    await own.kill();
    answer();
    expect((await call).status).toBe(200);
    expect((await browser.send('/readyz')).text).toContain('"journal":"1 to be saved"');
    await own.restart();
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    expect(simulator.stats.refreshes).toBe(1);
  });
});

describe('METRICS_TOKEN', () => {
  it('guards /metrics', async () => {
    const { origin } = await appWith(await simulatorWith(), () => ({ METRICS_TOKEN: 'm-secret' }));
    const browser = createBrowser(origin);
    expect((await browser.send('/metrics')).status).toBe(401);
    const authorization = 'Bearer m-secret';
    const answer = await browser.send('/metrics', { headers: { authorization } });
    expect(answer.status).toBe(200);
  });
});
