import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Simulator } from '../../../src/simulator/simulator.js';
import { environment, freePort } from '../../support/app.js';
import { type Browser, copyOf, createBrowser } from '../../support/browser.js';
import { gate } from '../../support/gate.js';
import { type ServerProcess, alive, ready, startProcess } from '../../support/process.js';
import { until } from '../../support/until.js';
import { type World, openWorld, openWorldWithRedis } from '../../support/world.js';
import { expireStored } from '../../../torture/visitor.js';
import { DURABLE } from '../../support/redis-server.js';

let folder: string;
const running: ServerProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fc-process-'));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string>, origin: string): Promise<ServerProcess> {
  const server = startProcess({ cwd: folder, env });
  running.push(server);
  await ready(server, origin);
  return server;
}

describe('two server processes on one Redis', () => {
  let world: World;
  let simulator: Simulator;
  let shared: ReturnType<typeof environment>;
  /** Both stay; a test that ends a server starts one more. */
  let origins: [string, string];
  const servers: ServerProcess[] = [];

  beforeAll(async () => {
    world = await openWorld();
    ({ simulator } = world);
    shared = environment({ simulator, redisUrl: world.redis.url, port: await freePort() });
    const [one, two] = await Promise.all([startOneMore(), startOneMore()]);
    origins = [one.origin, two.origin];
  });

  beforeEach(() => simulator.faults.reset());

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await world.close();
    await rm(shared.DATA_DIR, { recursive: true, force: true });
  });

  async function startOneMore() {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const server = startProcess({ cwd: shared.DATA_DIR, env: { ...shared, PORT: String(port) } });
    servers.push(server);
    await ready(server, origin);
    return { server, origin };
  }

  /** A browser at `origin` and one at the second of the servers that stay, with the same session. */
  async function signedIn(person: number, origin: string) {
    // The callback names another address than this server's own.
    const two = createBrowser(origins[1]);
    await two.send(await two.consent({ person: simulator.people[person]!.id }));
    return [copyOf(two, origin), two] as const;
  }

  async function callFiftyTimes(browsers: readonly Browser[]) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => browsers[i % 2]!.send('/api/fullscript/clinic')),
    );
    return answers.filter(({ status }) => status === 200).length;
  }

  it('one expired grant, 50 parallel calls → one refresh, 50 × 200', async () => {
    const browsers = await signedIn(0, origins[0]);
    const { id, type } = simulator.people[0]!;
    await expireStored(world.redis, { key: { registration: 'us-sandbox', owner: { id, type } } });
    const { refreshes } = simulator.stats;
    const { opened, open } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const calls = callFiftyTimes(browsers);
    await until(() => simulator.stats.refreshes > refreshes);
    open();
    expect(await calls).toBe(50);
    expect(simulator.stats.refreshes).toBe(refreshes + 1);
  });

  it('a token rejected by Fullscript, 50 parallel calls → one refresh, 50 × 200', async () => {
    const browsers = await signedIn(1, origins[0]);
    simulator.expireAccessTokens();
    const { refreshes } = simulator.stats;
    expect(await callFiftyTimes(browsers)).toBe(50);
    expect(simulator.stats.refreshes).toBe(refreshes + 1);
  });

  it('kill -9 of the one that refreshes → the other takes over, nothing is lost', async () => {
    const { server, origin } = await startOneMore();
    const [one, two] = await signedIn(2, origin);
    simulator.expireAccessTokens();
    const { refreshes } = simulator.stats;
    const { opened, open } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const dying = one.send('/api/fullscript/clinic').catch(() => undefined);
    await until(() => simulator.stats.refreshes > refreshes);
    const waiting = two.send('/api/fullscript/clinic');
    server.child.kill('SIGKILL');
    await dying;
    expect((await waiting).status).toBe(200);
    open();
    expect((await two.send('/api/fullscript/clinic')).status).toBe(200);
    expect(await two.json('/api/session')).toMatchObject({ status: 'active' });
  });

  it('SIGTERM during a refresh → the call is answered, the pair saved, exit code 0', async () => {
    const { server, origin } = await startOneMore();
    const [one, two] = await signedIn(3, origin);
    simulator.expireAccessTokens();
    const { refreshes } = simulator.stats;
    const { opened, open } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const call = one.send('/api/fullscript/clinic');
    await until(() => simulator.stats.refreshes > refreshes);
    const stopped = server.stop();
    open();
    expect((await call).status).toBe(200);
    expect(await stopped).toBe(0);
    expect((await two.send('/api/fullscript/clinic')).status).toBe(200);
    expect(simulator.stats.refreshes).toBe(refreshes + 1);
  });
});

describe('a server with nothing configured', () => {
  const ports = async () => {
    const port = await freePort();
    return { PORT: String(port), SIMULATOR_PORT: String(await freePort()) };
  };

  it('says which store and which Fullscript it uses, no secret; its port is taken; a restart signs nobody out', async () => {
    const env = await ports();
    const origin = `http://localhost:${env.PORT}`;
    const first = await start(env, origin);
    expect(first.output()).toMatch(/simulator/);
    expect(first.output()).toMatch(/store: embedded redis-server/);
    const secrets = JSON.parse(await readFile(join(folder, '.data/secrets.json'), 'utf8')) as {
      sessionSecret: string;
    };
    expect(first.output()).not.toContain(secrets.sessionSecret);
    const second = startProcess({ cwd: folder, env });
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain(`EADDRINUSE`);
    expect(second.output()).toContain(env.PORT);
    const browser = createBrowser(origin);
    const person = await firstPerson(env.SIMULATOR_PORT);
    expect((await browser.signIn(person)).url).toBe(`${origin}/portal`);
    expect(await first.stop()).toBe(0);
    await start(env, origin);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
  });

  it('twice on one data folder → both share simulator and store, and the second takes over', async () => {
    const [one, two] = [await freePort(), await freePort()];
    const origins = [`http://localhost:${one}`, `http://localhost:${two}`] as const;
    const BASE_URL = origins[0];
    await start({ PORT: String(one) }, origins[0]);
    await start({ PORT: String(two), BASE_URL }, origins[1]);
    const [a, b] = [createBrowser(origins[0]), createBrowser(origins[1])];
    const { location } = await a.send('/oauth/authorize');
    await a.signIn(await firstPerson(new URL(location!).port));
    for (const [name, value] of a.cookies) b.cookies.set(name, value);
    expect((await b.send('/api/fullscript/clinic')).status).toBe(200);
    expect(await running[0]!.stop()).toBe(0);
    await until(async () => (await b.send('/api/fullscript/clinic')).status === 200);
  });

  it('where no redis-server is installed keeps everything in the process and says so', async () => {
    const env = { ...(await ports()), PATH: '/nowhere' };
    const origin = `http://localhost:${env.PORT}`;
    const server = await start(env, origin);
    expect(server.output()).toMatch(/NOTHING SURVIVES A RESTART/);
    const browser = createBrowser(origin);
    await browser.signIn(await firstPerson(env.SIMULATOR_PORT));
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    const ended = await browser.post('/oauth/disconnect');
    expect(ended.location).toBe('/portal?disconnected=yes');
    expect(await server.stop()).toBe(0);
  });
});

describe('a server that is configured wrongly', () => {
  it('lists every problem with variable and example, and exits with 78', async () => {
    const server = startProcess({
      cwd: folder,
      env: {
        NODE_ENV: 'production',
        PORT: 'many',
        FULLSCRIPT_CLIENT_ID: 'id',
        FULLSCRIPT_REDIRECT_URI: 'http://portal.example.com/oauth/callback',
        SESSION_SECRET: 'hunter2',
      },
    });
    expect(await server.exited).toBe(78);
    const output = server.output();
    for (const variable of [
      'PORT',
      'FULLSCRIPT_CLIENT_SECRET',
      'FULLSCRIPT_REDIRECT_URI',
      'REDIS_URL',
      'SESSION_SECRET',
      'TOKEN_ENCRYPTION_KEYS',
    ]) {
      expect(output).toMatch(new RegExp(`^ {2}${variable} `, 'm'));
    }
    expect(output).not.toContain('hunter2');
  });

  it('with Redis away starts, answers 503, and serves when Redis comes', async () => {
    const world = await openWorldWithRedis({ args: DURABLE });
    const { redis, simulator } = world;
    await redis.kill();
    const env = environment({ simulator, redisUrl: redis.url, port: await freePort() });
    const server = startProcess({ cwd: folder, env });
    running.push(server);
    await alive(server, env.BASE_URL);
    const browser = createBrowser(env.BASE_URL);
    expect((await browser.send('/readyz')).status).toBe(503);
    await redis.restart();
    await until(async () => (await browser.send('/readyz')).status === 200);
    await browser.signIn(simulator.people[0]!.id);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    await Promise.all(running.splice(0).map((server) => server.stop()));
    await world.close();
  });
});

describe('a server that is to end before it has started', () => {
  it('SIGTERM while it waits for Redis → heeded, as by the first process of a container: exit code 0', async () => {
    const [port, nobody] = [await freePort(), await freePort()];
    const env = {
      ...{ HOST: '127.0.0.1', PORT: String(port), BASE_URL: `http://127.0.0.1:${port}` },
      REDIS_URL: `redis://127.0.0.1:${nobody}`,
    };
    const server = startProcess({ cwd: folder, env });
    running.push(server);
    await until(() => server.output().includes('Redis connection failed'));
    expect(server.output()).not.toContain('ready: open');
    expect(await server.stop()).toBe(0);
    expect(server.output()).toContain('stopped');
  });
});

describe('npm run simulator', () => {
  it('runs by itself, and a server uses it through SIMULATOR_URL', async () => {
    const SIMULATOR_PORT = String(await freePort());
    const alone = startProcess({
      cwd: folder,
      env: { SIMULATOR_PORT },
      script: 'simulator/main.js',
    });
    running.push(alone);
    await until(async () =>
      fetch(`http://127.0.0.1:${SIMULATOR_PORT}/simulator/health`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
    const port = await freePort();
    const env = { PORT: String(port), SIMULATOR_URL: `http://127.0.0.1:${SIMULATOR_PORT}` };
    const origin = `http://localhost:${port}`;
    await start(env, origin);
    const browser = createBrowser(origin);
    await browser.signIn(await firstPerson(SIMULATOR_PORT));
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
  });
});

/** Reads the sign-in page as a person would. */
async function firstPerson(port: string): Promise<string> {
  const page = await fetch(`http://127.0.0.1:${port}/login?return_to=%2F`);
  const [, id = ''] = /name="person"[^>]*value="([^"]+)"/.exec(await page.text()) ?? [];
  return id;
}
