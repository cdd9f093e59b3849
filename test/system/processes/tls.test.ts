import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment, freePort } from '../../support/app.js';
import { createBrowser } from '../../support/browser.js';
import { type ServerProcess, alive, ready, startProcess } from '../../support/process.js';
import { startTlsRedis } from '../../support/redis-tcp.js';
import { until } from '../../support/until.js';

let redis: Awaited<ReturnType<typeof startTlsRedis>>;
let simulator: Simulator;
let folder: string;
let server: ServerProcess | undefined;

beforeAll(async () => {
  const elsewhere = { args: ['--bind', '127.0.0.1', '127.0.0.2'] };
  [redis, simulator] = await Promise.all([startTlsRedis(elsewhere), startSimulator()]);
});

afterAll(async () => {
  await Promise.all([redis.stop(), simulator.close()]);
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fc-process-'));
});

afterEach(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(extra: Record<string, string>) {
  const port = await freePort();
  const env = environment({ simulator, redisUrl: redis.url, port });
  server = startProcess({ cwd: folder, env: { ...env, ...extra } });
  const origin = `http://127.0.0.1:${port}`;
  await alive(server, origin);
  return { server, origin };
}

describe('a Redis with TLS and a certificate of a private authority', () => {
  it('NODE_EXTRA_CA_CERTS names the authority → people sign in', async () => {
    const { server: started, origin } = await start({ NODE_EXTRA_CA_CERTS: redis.authorityFile });
    await ready(started, origin);
    const browser = createBrowser(origin);
    await browser.signIn(simulator.people[0]!.id);
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true, status: 'active' });
  });

  it('nobody names it → 503, and the log says what to do', async () => {
    const { server: started, origin } = await start({});
    await until(() => started.output().includes('NODE_EXTRA_CA_CERTS'));
    const answer = await fetch(`${origin}/oauth/authorize`, { redirect: 'manual' });
    expect((await fetch(`${origin}/readyz`)).status).toBe(503);
    expect(answer.status).toBe(503);
    expect(started.output()).toContain('certificate of Redis is not trusted');
  });

  it('its certificate is for other names → doctor says for which', async () => {
    const redisUrl = redis.url.replace('127.0.0.1', '127.0.0.2');
    const env = environment({ simulator, redisUrl, port: await freePort() });
    const doctor = startProcess({
      cwd: folder,
      env: { ...env, NODE_EXTRA_CA_CERTS: redis.authorityFile },
      ...{ script: 'cli/main.js', args: ['doctor'] },
    });
    expect(await doctor.exited).toBe(1);
    const names = 'not for 127.0.0.2, but for DNS:localhost, IP Address:127.0.0.1';
    expect(doctor.output()).toContain(`The certificate of Redis is ${names}`);
    expect(doctor.output()).toContain('Name Redis in REDIS_URL as its certificate does');
  });
});
