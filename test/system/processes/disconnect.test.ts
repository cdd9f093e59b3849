import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Simulator } from '../../../src/simulator/simulator.js';
import { environment, freePort } from '../../support/app.js';
import { type Browser, createBrowser } from '../../support/browser.js';
import { gate } from '../../support/gate.js';
import { ready, startProcess } from '../../support/process.js';
import type { TestRedis } from '../../support/redis-server.js';
import { until } from '../../support/until.js';
import { type World, openWorldWithRedis } from '../../support/world.js';
import { DURABLE } from '../../support/redis-server.js';

let world: World<TestRedis>;
let simulator: Simulator;
let redis: TestRedis;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  world = await openWorldWithRedis({ args: DURABLE });
  ({ simulator, redis } = world);
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await world.close();
});

const revocations = () =>
  simulator.requests.filter(({ path }) => path.endsWith('/oauth/revoke')).length;

async function signedIn(origin: string): Promise<Browser> {
  const browser = createBrowser(origin);
  await browser.signIn(simulator.people[0]!.id);
  expect(simulator.stats.livePairs).toBe(1);
  return browser;
}

describe('kill -9 of a server that disconnects', () => {
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
