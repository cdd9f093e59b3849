import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SESSION_KEYS } from '../../support/keys.js';
import { SIMULATOR_CLIENT_ID, SIMULATOR_CLIENT_SECRET } from '../../../src/simulator/simulator.js';
import { type Browser, createBrowser } from '../../support/browser.js';
import { environmentOf, readCompose } from '../../support/compose-file.js';
import { type OpenedStream, openEvents } from '../../support/event-source.js';
import { freePorts } from '../../support/free-ports.js';
import { type Nginx, startNginx } from '../../support/nginx.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import type { TestRedis } from '../../support/redis-server.js';
import { until } from '../../support/until.js';
import { type World, openWorldWithRedis } from '../../support/world.js';

/** The profile `scale` with real servers: its balancer, its variables, one Redis, one simulator. */

const COMPOSE = fileURLToPath(new URL('../../../docker-compose.yml', import.meta.url));
const { services } = readCompose(readFileSync(COMPOSE, 'utf8'));
const NAMES = ['replica-1', 'replica-2', 'replica-3'];

let world: World<TestRedis>;
let nginx: Nginx;
let dataDir: string;
let ports: number[];
let servers: ServerProcess[];
let browser: Browser;
let person: string;
const streams: OpenedStream[] = [];

beforeAll(async () => {
  world = await openWorldWithRedis();
  person = world.simulator.people[0]!.id;
  const [front = 0, ...others] = await freePorts(4);
  ports = others;
  dataDir = mkdtempSync(join(tmpdir(), 'fc-replicas-'));
  // At once, as Compose does, on one folder in which no secrets have been made yet.
  servers = NAMES.map((name, i) => start(name, i, front));
  await Promise.all(servers.map((server, i) => ready(server, `http://127.0.0.1:${ports[i]}`)));
  nginx = await startNginx(ports, front);
});

afterAll(async () => {
  for (const stream of streams) stream.close();
  await nginx.stop();
  await Promise.all(servers.map((server) => server.stop()));
  await world.close();
  rmSync(dataDir, { recursive: true, force: true });
});

beforeEach(() => {
  browser = createBrowser(nginx.origin);
});

function start(name: string, index: number, front: number): ServerProcess {
  const dotenv = {
    BASE_URL: `http://127.0.0.1:${front}`,
    FULLSCRIPT_CLIENT_ID: SIMULATOR_CLIENT_ID,
    FULLSCRIPT_CLIENT_SECRET: SIMULATOR_CLIENT_SECRET,
    FULLSCRIPT_API_URL: world.simulator.apiUrl,
  };
  const here = { HOST: '127.0.0.1', PORT: String(ports[index]), REDIS_URL: world.redis.url };
  const env = { ...environmentOf(services[name]!, dotenv), ...here, DATA_DIR: dataDir };
  return startProcess({ cwd: dataDir, env });
}

const ask = () => browser.send('/api/session');
/** On a connection of its own. */
const askAnew = () => browser.send('/api/session', { headers: { connection: 'close' } });

/** So many visitors who ask one thing after the other, until they are told to end. */
function visitors(count: number, asking: typeof ask) {
  const statuses: number[] = [];
  let ended = false;
  const visit = async () => {
    for (let i = 0; i < 20_000 && !ended; i += 1) {
      statuses.push((await asking()).status);
    }
  };
  const all = Promise.all(Array.from({ length: count }, visit));
  const end = async () => {
    ended = true;
    await all;
  };
  return { statuses, end };
}

const answeredBy = (path: string) =>
  new Set(nginx.passed().flatMap((line) => (line.path === path ? [line.replica] : [])));

describe('three servers behind the balancer', () => {
  it('a sign-in, spread over all of them → one session', async () => {
    expect((await browser.signIn(person)).status).toBe(200);
    for (let i = 0; i < 9; i += 1) {
      expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
    }
    await until(() => answeredBy('/api/session').size === 3);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
  });

  it('a request id → in the answer, in the log of nginx and in that of one server', async () => {
    const id = 'seen-by-everybody';
    const answer = await browser.send('/readyz', { headers: { 'x-request-id': id } });
    expect(answer.headers.get('x-request-id')).toBe(id);
    const mentions = () => servers.filter((server) => server.output().includes(id)).length;
    await until(() => mentions() === 1 && nginx.log().includes(id));
  });

  it('a sign-in from elsewhere → the session has that address, whatever the caller claims', async () => {
    const callback = await browser.consent({ person });
    const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
    const headers = { cookie, 'x-forwarded-for': '203.0.113.9' };
    const call = get(`${nginx.origin}${callback}`, { localAddress: '127.0.0.5', headers });
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(303);
    const keys = await world.stored.keys(SESSION_KEYS);
    const sessions = await Promise.all(keys.map((key) => world.stored.get(key)));
    expect(sessions.filter((session) => session?.includes('127.0.0.5'))).toHaveLength(1);
    expect(sessions.filter((session) => session?.includes('203.0.113.9'))).toEqual([]);
  });

  it('an open page → hears at once what another server did', async () => {
    await browser.signIn(person);
    const opened = [1, 2, 3].map(() => openEvents(browser, nginx.origin));
    streams.push(...(await Promise.all(opened)));
    for (const stream of streams) await stream.next({ signedIn: true, status: 'active' });
    expect((await browser.post('/sign-out')).status).toBe(303);
    for (const stream of streams) await stream.next({ signedIn: false }, 1);
  });

  it('one after the other is replaced → every GET is answered, sessions go on', async () => {
    await browser.signIn(person);
    const front = Number(new URL(nginx.origin).port);
    // A reload makes nginx close the connections that it kept. Browsers ask again then; `fetch` fails.
    const { statuses, end } = visitors(2, askAnew);
    for (const [index, name] of NAMES.entries()) {
      expect(await servers[index]!.stop()).toBe(0);
      servers[index] = start(name, index, front);
      await ready(servers[index], `http://127.0.0.1:${ports[index]}`);
      nginx.reload();
    }
    await end();
    expect(statuses.length).toBeGreaterThan(100);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
  });

  it('kill -9 of one under load → every GET is answered, and its pages open elsewhere', async () => {
    await browser.signIn(person);
    const { statuses, end } = visitors(4, ask);
    await until(() => statuses.length > 40);
    servers[0]!.child.kill('SIGKILL');
    await servers[0]!.exited;
    const before = statuses.length;
    await until(() => statuses.length > before + 200);
    await end();
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    const again = createBrowser(nginx.origin);
    expect((await again.signIn(person)).status).toBe(200);
  });
});
