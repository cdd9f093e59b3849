import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DocumentedUrls } from '../../src/doctor/documented-urls.js';
import { documentedUrls } from '../../src/doctor/documented-urls.js';
import type { Finding } from '../../src/doctor/finding.js';
import { type FullscriptDeps, examineRegistration } from '../../src/doctor/fullscript.js';
import { examineHosts } from '../../src/doctor/hosts.js';
import { type HttpAnswer, type Network, createNetwork } from '../../src/doctor/network.js';
import { examineBaseUrl } from '../../src/doctor/redirect.js';
import { examineSimulator } from '../../src/doctor/simulator.js';
import { authorizationServer } from '../../src/oauth/authorization-server.js';
import type { Registration } from '../../src/oauth/registration.js';
import { secret } from '../../src/oauth/secret.js';
import { createTokenEndpoint } from '../../src/oauth/token-endpoint.js';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js';
import { registrationOf } from '../fixtures/registration.js';
import { createAuthority } from '../support/certificates.js';
import { startPeerServer } from '../support/peer-server.js';
import { registrationFor } from '../support/custody.js';

const network = createNetwork({ timeoutMs: 2_000 });
const tokenEndpoint = createTokenEndpoint({ timeoutMs: 2_000, now: Date.now });
const BASE_URL = 'http://127.0.0.1:9';
const NOBODY = 'http://127.0.0.1:9';
const DAY_MS = 86_400_000;

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator();
});

afterAll(() => simulator.close());

const common = { now: Date.now, elapsed: () => performance.now(), offline: false, env: {} };

/** Findings of one registration, by the last part of their names. */
async function examineOne(registration: Registration, changes: Partial<FullscriptDeps> = {}) {
  const documented = (): DocumentedUrls => ({ api: [], authorize: [] });
  const deps = { ...common, network, tokenEndpoint, baseUrl: BASE_URL, documented };
  const { findings, clocks } = await examineRegistration({ ...deps, ...changes }, registration);
  const start = `fullscript.${registration.id}.`.length;
  const named = findings.map((one): [string, Finding] => [one.check.slice(start), one]);
  return { found: Object.fromEntries(named), clocks };
}

describe('examineRegistration', () => {
  it('the simulator with its own credentials → all well, and nothing was issued or revoked', async () => {
    const { found, clocks } = await examineOne(registrationFor(simulator));
    const { host } = new URL(simulator.origin);
    expect(found).toMatchObject({
      [`host.${host}`]: { status: 'ok', found: expect.stringContaining('127.0.0.1') },
      ...{ api: { status: 'ok' }, authorize: { status: 'ok' }, credentials: { status: 'ok' } },
      'redirect-uri': { status: 'ok', found: 'http://127.0.0.1:9/oauth/callback' },
      'redirect-uri-known': {
        status: 'skipped',
        todo: expect.stringContaining('it has to be http://127.0.0.1:9/oauth/callback'),
      },
    });
    expect(clocks).toHaveLength(2);
    for (const { ours, theirs } of clocks) expect(Math.abs(ours - theirs)).toBeLessThan(2_000);
    expect(Object.values(simulator.issued).flat()).toEqual([]);
    expect(simulator.requests.some(({ path }) => path.includes('revoke'))).toBe(false);
  });

  it('the wrong secret, or id → a problem that names the variables and not the secret', async () => {
    for (const wrong of [{ clientSecret: secret('not-the-secret') }, { clientId: 'nobody' }]) {
      const { found } = await examineOne(registrationFor(simulator, wrong));
      expect(found['credentials']).toMatchObject({
        status: 'problem',
        todo: expect.stringContaining('FULLSCRIPT_CLIENT_ID and FULLSCRIPT_CLIENT_SECRET'),
      });
      expect(JSON.stringify(found)).not.toContain('not-the-secret');
    }
  });

  it('a registration of its region → the variables of that region', async () => {
    const wrong = registrationFor(simulator, { clientId: 'nobody' });
    const { found } = await examineOne(wrong, { env: { FULLSCRIPT_US_CLIENT_ID: 'nobody' } });
    expect(found['credentials']?.todo).toContain('FULLSCRIPT_US_CLIENT_SECRET');
  });

  it.each([
    ['503', { status: 503, body: '' }, 'warning'],
    ['429', { status: 429, body: '' }, 'warning'],
    ['a page', { status: 200, body: '<html>' }, 'problem'],
  ])('the token endpoint answers %s → %s', async (_what, { status, body }, expected) => {
    const peer = await startPeerServer((_req, res) => res.writeHead(status).end(body));
    const server = { ...registrationFor(simulator).server, tokenUrl: `${peer.origin}/token` };
    const { found } = await examineOne(registrationFor(simulator, { server }));
    await peer.close();
    expect(found['credentials']).toMatchObject({ status: expected });
  });

  it('nobody listens → problems with what to do, and no clock', async () => {
    const server = authorizationServer(
      { region: 'us', environment: 'sandbox' },
      { apiUrl: `${NOBODY}/api` },
    );
    const { found, clocks } = await examineOne(registrationFor(simulator, { server }));
    const bad = Object.values(found).filter(({ status }) => status === 'problem');
    expect(bad.map(({ check }) => check.split('.').pop())).toHaveLength(4);
    for (const { todo } of bad) expect(todo).toMatch(/.{20}/);
    expect(clocks).toEqual([]);
  });

  it('the redirect URI is not on BASE_URL → a problem', async () => {
    const { found } = await examineOne(registrationFor(simulator), { baseUrl: 'http://elsewhere' });
    expect(found['redirect-uri']).toMatchObject({ status: 'problem' });
  });
});

/** A network in which only these addresses answer, with that status. */
function networkOf(answers: Record<string, number>): Network & { asked: string[] } {
  const asked: string[] = [];
  const answer = (status: number): HttpAnswer => ({
    status,
    date: Date.now(),
    location: '',
    text: '',
  });
  return {
    asked,
    lookup: () => Promise.resolve(['192.0.2.1']),
    connect: () => Promise.resolve({ protocol: 'TLSv1.3', validUntil: Date.now() + 90 * DAY_MS }),
    get: (url) => {
      asked.push(url);
      const status = answers[url.split('?')[0] ?? ''];
      if (status !== undefined) return Promise.resolve(answer(status));
      return Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }));
    },
  };
}

const knows = {
  exchangeCode: () => Promise.reject(new Error('not asked here')),
} as unknown as FullscriptDeps['tokenEndpoint'];

describe('which of the documented hosts answers', () => {
  const production = registrationOf({ environment: 'production', redirectUri: `${BASE_URL}/x` });
  const ask = (registration: Registration, answers: Record<string, number>) => {
    const fake = networkOf(answers);
    const refusing = {
      exchangeCode: createTokenEndpoint({ timeoutMs: 1, now: Date.now }).exchangeCode,
    };
    return examineOne(registration, {
      ...{ network: fake, documented: documentedUrls, offline: false },
      tokenEndpoint: refusing,
    });
  };

  it('the configured one → well, and what the others do is said', async () => {
    const { found } = await ask(production, { 'https://api-us.fullscript.io/api/clinic': 401 });
    expect(found['api']).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(
        /^answers: https:\/\/api-us\.fullscript\.io\/api; .*\.com\/api$/,
      ),
    });
  });

  it('another one → which variable to set to what', async () => {
    const { found } = await ask(production, {
      'https://api-us.fullscript.com/api/clinic': 401,
      'https://api-us.fullscript.com/oauth/authorize': 302,
    });
    expect(found['api']?.todo).toMatch(
      /^Set FULLSCRIPT_API_URL=https:\/\/api-us\.fullscript\.com\/api\. .*move with it\.$/,
    );
    expect(found['authorize']?.todo).toBe(
      'Set FULLSCRIPT_AUTHORIZE_URL=https://api-us.fullscript.com/oauth/authorize.',
    );
  });

  it('sandbox, and only the host of the web site lets people sign in → that one', async () => {
    const { found } = await ask(registrationOf(), {
      'https://us-snd.fullscript.io/oauth/authorize': 302,
    });
    expect(found['authorize']?.todo).toContain('https://us-snd.fullscript.io/oauth/authorize');
  });

  it('somebody answers, but not as the API does → a problem', async () => {
    const { found } = await ask(production, { 'https://api-us.fullscript.io/api/clinic': 404 });
    expect(found['api']).toMatchObject({ status: 'problem' });
    expect(found['api']?.todo).toContain('None of the documented addresses');
  });

  it('the authorize page refuses the redirect URI at once → a problem with the exact value', async () => {
    const { found } = await ask(production, {
      'https://api-us.fullscript.io/api/oauth/authorize': 404,
    });
    expect(found['redirect-uri-known']).toMatchObject({
      status: 'problem',
      todo: expect.stringContaining(`${BASE_URL}/x`),
    });
  });

  it('offline → nobody is asked', async () => {
    const fake = networkOf({});
    const deps = { network: fake, documented: documentedUrls, offline: true, tokenEndpoint: knows };
    const { found } = await examineOne(production, deps);
    const remote = Object.values(found).filter(({ check }) => !check.endsWith('redirect-uri'));
    expect(new Set(remote.map(({ status }) => status))).toEqual(new Set(['skipped']));
    expect(fake.asked).toEqual([]);
  });
});

describe('examineHosts', () => {
  it.each([
    [90, 'ok'],
    [13, 'warning'],
  ])('a certificate for %i more days → %s', async (days, status) => {
    const fake = {
      ...networkOf({}),
      connect: () => Promise.resolve({ protocol: 'TLSv1.3', validUntil: (days + 0.5) * DAY_MS }),
    };
    const deps = { ...common, network: fake, now: () => 0 };
    const [found] = await examineHosts(deps, 'fullscript.us-sandbox', registrationOf().server);
    expect(found).toMatchObject({ status });
    expect(found?.found).toContain(`192.0.2.1, TLSv1.3, certificate for ${days} more days`);
  });

  it('endpoints on several hosts → each host with what it is for', async () => {
    const { server } = registrationOf({
      server: { authorizeUrl: 'https://us-snd.fullscript.io/a' },
    });
    const found = await examineHosts({ ...common, network: networkOf({}) }, 'f', server);
    expect(found.map(({ check }) => check)).toEqual([
      'f.host.api-us-snd.fullscript.io',
      'f.host.us-snd.fullscript.io',
    ]);
    expect(found[0]?.found).toMatch(/^API, tokens, revocation: /);
  });

  it('a certificate of an authority nobody knows → a problem that says what to do', async () => {
    const { certificate, key } = createAuthority().issue();
    const tls = createServer({ cert: certificate, key }, (_req, res) => res.end());
    tls.listen(0, '127.0.0.1');
    await once(tls, 'listening');
    const { port } = tls.address() as AddressInfo;
    const server = registrationOf({ server: { apiUrl: `https://127.0.0.1:${port}/api` } }).server;
    const [found] = await examineHosts({ ...common, network }, 'f', server);
    tls.close();
    expect(found).toMatchObject({
      status: 'problem',
      found: expect.stringContaining('an authority that is not trusted'),
      todo: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    });
  });

  it('a server that never speaks → no answer in time', async () => {
    const silent = await startPeerServer(() => undefined);
    const quick = createNetwork({ timeoutMs: 100 });
    const server = registrationOf({
      server: { apiUrl: `https://127.0.0.1:${silent.port}` },
    }).server;
    await expect(quick.get(silent.origin)).rejects.toThrow();
    const [found] = await examineHosts({ ...common, network: quick }, 'f', server);
    await silent.close();
    expect(found).toMatchObject({ status: 'problem' });
  });
});

describe('examineBaseUrl', () => {
  const look = async (listener: Parameters<typeof startPeerServer>[0]) => {
    const peer = await startPeerServer(listener);
    const { status } = await examineBaseUrl({ network, offline: false }, peer.origin);
    await peer.close();
    return status;
  };

  it('this server answers → ok; another one → a problem; nobody → a warning', async () => {
    expect(await look((_req, res) => res.end('{"status":"ok"}'))).toBe('ok');
    expect(await look((_req, res) => res.end('<html>'))).toBe('problem');
    expect(await look((_req, res) => res.writeHead(404).end())).toBe('problem');
    const nobody = await examineBaseUrl({ network, offline: false }, NOBODY);
    expect(nobody).toMatchObject({ status: 'warning', todo: expect.stringContaining('Start') });
  });

  it('offline → asked on this machine only', async () => {
    const away = await examineBaseUrl({ network, offline: true }, 'https://portal.example.com');
    expect(away.status).toBe('skipped');
    expect((await examineBaseUrl({ network, offline: true }, NOBODY)).status).toBe('warning');
  });
});

describe('examineSimulator', () => {
  it('runs → ok; is none, or away → a problem; unset → the server starts one', async () => {
    expect((await examineSimulator(network, simulator.origin)).status).toBe('ok');
    const peer = await startPeerServer((_req, res) => res.end('{}'));
    expect((await examineSimulator(network, peer.origin)).status).toBe('problem');
    await peer.close();
    expect((await examineSimulator(network, NOBODY)).status).toBe('problem');
    expect((await examineSimulator(network, undefined)).status).toBe('ok');
  });
});
