import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js';
import { environment, freePort, startApp } from '../support/app.js';
import { type Browser, createBrowser } from '../support/browser.js';
import { until } from '../support/contract.js';
import { ready, startProcess } from '../support/process.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { gate } from '../support/custody.js';

let redis: TestRedis;
let simulator: Simulator;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
  [redis, simulator] = await Promise.all([startRedis({ args }), startSimulator()]);
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await simulator.close();
  await redis.stop();
});

const revocations = () =>
  simulator.requests.filter(({ path }) => path.endsWith('/oauth/revoke')).length;

async function signedIn(origin: string): Promise<Browser> {
  const browser = createBrowser(origin);
  await browser.signIn(simulator.people[0]!.id);
  expect(simulator.stats.livePairs).toBe(1);
  return browser;
}

/** Everything in Redis, as text and as bytes. */
async function everythingStored(): Promise<string> {
  const client = new Redis(redis.socketPath);
  const parts: string[] = [];
  for (const key of await client.keys('*')) {
    parts.push(key, (await client.dumpBuffer(key)).toString('latin1'));
    if ((await client.type(key)) === 'hash') parts.push(JSON.stringify(await client.hgetall(key)));
  }
  client.disconnect();
  return parts.join('\n');
}

describe('disconnect while Fullscript does not confirm', () => {
  async function open(revocationRetryMs: number) {
    const env = environment({ simulator, redisUrl: redis.url, port: await freePort() });
    const app = await startApp(env, { revocationRetryMs });
    ends.push(app.close);
    return { app, browser: await signedIn(app.origin) };
  }

  it('a new sign-in meanwhile → is not touched by the old revocation', async () => {
    const { browser } = await open(300);
    const heal = simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    await browser.post('/oauth/disconnect');
    await browser.signIn(simulator.people[0]!.id);
    expect(simulator.stats.livePairs).toBe(2);
    heal();
    await until(() => simulator.stats.livePairs === 1);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
  });

  it('what waits in Redis shows no token', async () => {
    const { browser } = await open(60_000);
    simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    simulator.expireAccessTokens();
    await browser.send('/api/fullscript/clinic');
    await browser.post('/oauth/disconnect');
    const tokens = simulator.requests.flatMap(({ path, headers, body }) => {
      if (path.endsWith('/clinic')) return [headers['authorization']!.replace('Bearer ', '')];
      if (!/oauth\/(token|revoke)$/.test(path)) return [];
      const { token, refresh_token: refreshToken } = JSON.parse(body) as Record<string, string>;
      return [token, refreshToken].filter((one) => one !== undefined);
    });
    expect(tokens.length).toBeGreaterThanOrEqual(4);
    const stored = await everythingStored();
    expect(stored).toMatch(/fc:1:queue:\{revocations\}:[0-9a-f-]{36}/);
    expect(stored).toContain('sealed');
    for (const token of tokens) expect(stored).not.toContain(token);
  });

  it('Redis killed and restarted in between → revoked all the same', async () => {
    const { browser } = await open(1_000);
    const heal = simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    await browser.post('/oauth/disconnect');
    await redis.restart();
    heal();
    await until(() => simulator.stats.livePairs === 0);
  });

  it('Redis is away → 503, and the grant is as it was', async () => {
    const { browser } = await open(50);
    const token = await browser.csrfToken();
    await redis.kill();
    const body = new URLSearchParams({ _csrf: token });
    const answer = await browser.send('/oauth/disconnect', { method: 'POST', body });
    expect(answer.status).toBe(503);
    await redis.restart();
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    expect(revocations()).toBe(0);
  });
});

describe('disconnect of a record that cannot be opened', () => {
  it('forgets it, and says that Fullscript could not be told', async () => {
    const env = environment({ simulator, redisUrl: redis.url, port: await freePort() });
    const app = await startApp(env);
    ends.push(app.close);
    const browser = await signedIn(app.origin);
    const body = new URLSearchParams({ _csrf: await browser.csrfToken() });
    const client = new Redis(redis.socketPath);
    ends.push(() => client.quit());
    const [key] = await client.keys('fc:1:grant:*');
    await client.hset(key!, 's', 'k9.AAAA');
    const { location } = await browser.send('/oauth/disconnect', { method: 'POST', body });
    expect(location).toBe('/portal?disconnected=unreadable');
    expect(await client.hget(key!, 's')).toBeNull();
    const page = await browser.send('/portal?disconnected=unreadable');
    expect(page.text).toContain('could not be read any more');
  });
});

describe('kill -9 of a server', () => {
  async function open() {
    const cwd = await mkdtemp(join(tmpdir(), 'fc-process-'));
    ends.push(() => rm(cwd, { recursive: true, force: true }));
    const env = environment({ simulator, redisUrl: redis.url, port: await freePort() });
    const start = async () => {
      const server = startProcess({ cwd, env });
      ends.push(() => server.stop());
      await ready(server, env.BASE_URL);
      return server;
    };
    const server = await start();
    const kill = async () => {
      server.child.kill('SIGKILL');
      await server.exited;
    };
    return { start, kill, browser: await signedIn(env.BASE_URL) };
  }

  it('between queue and answer → revoked after the restart', async () => {
    const { start, kill, browser } = await open();
    const { opened, open: answer } = gate();
    simulator.faults.add({ endpoint: 'revoke', kind: 'delay', until: opened, times: 1 });
    const token = await browser.csrfToken();
    const body = new URLSearchParams({ _csrf: token });
    const lost = browser.send('/oauth/disconnect', { method: 'POST', body }).catch(() => undefined);
    await until(() => revocations() === 1);
    await kill();
    await lost;
    expect(simulator.stats.livePairs).toBe(1);
    await start();
    await until(() => simulator.stats.livePairs === 0, 20_000);
    expect(await browser.json('/api/session')).toMatchObject({ status: 'needs_reconnect' });
    answer();
  }, 40_000);

  it('in the middle of a retry → revoked within half a minute, and SIGTERM ends with 0', async () => {
    const { start, kill, browser } = await open();
    const { opened, open: answer } = gate();
    simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503, times: 1 });
    expect(await browser.post('/oauth/disconnect')).toMatchObject({ status: 303 });
    simulator.faults.add({ endpoint: 'revoke', kind: 'delay', until: opened, times: 1 });
    await until(() => revocations() === 2);
    await kill();
    expect(simulator.stats.livePairs).toBe(1);
    const server = await start();
    await until(() => simulator.stats.livePairs === 0, 30_000);
    answer();
    expect(await server.stop()).toBe(0);
  }, 60_000);
});
