import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment } from '../../support/app.js';
import { type Browser, createBrowser } from '../../support/browser.js';
import { environmentOf, readCompose, wordsOf } from '../../support/compose-file.js';
import { freePorts } from '../../support/free-ports.js';
import { type ServerProcess, ready, startProcess } from '../../support/process.js';
import { type TestRedis, startRedis } from '../../support/redis-server.js';
import { until } from '../../support/until.js';

/** The command lines of the profile `cluster`, carried out with an address of loopback for each container. */

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const { services } = readCompose(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'));
const [shell = '', script = '', ...targets] = wordsOf(services['cluster-create']!.command);
const names = targets.map((target) => target.split(':')[0]!);

let port: number;
let simulator: Simulator;
let browser: Browser;
let server: ServerProcess | undefined;
const folder = mkdtempSync(join(tmpdir(), 'fc-cluster-'));
/** Where each of them is. */
const addresses = new Map(names.map((name, i) => [name, `127.0.0.${11 + i}`]));
const nodes = new Map<string, TestRedis>();

/** Names and their port, as these servers have them. */
const placed = (text: string) =>
  text.replace(/(cluster-\d):6379/g, (_all, name: string) => `${addresses.get(name)}:${port}`);

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  simulator = await startSimulator();
});

afterAll(async () => {
  await server?.stop();
  await Promise.all([...nodes.values()].map((node) => node.stop()));
  await simulator.close();
  rmSync(folder, { recursive: true });
});

/** The server of a service at its present address, on what was there before. */
async function startNode(name: string): Promise<void> {
  const [program, ...args] = wordsOf(services[name]!.command);
  expect(program).toBe('redis-server');
  const address = addresses.get(name)!;
  // A server believes that others are where they call from.
  const place = ['--bind', address, '--bind-source-addr', address, '--port', String(port)];
  const here = ['--dir', join(folder, name), ...place];
  nodes.set(name, await startRedis({ args: [...args, ...here] }));
}

function create() {
  const mount = services['cluster-create']!.volumes![0]!.split(':');
  expect(mount[1]).toBe(script);
  const args = [join(ROOT, mount[0]!), ...targets.map(placed)];
  const { status, stdout, stderr } = spawnSync(shell, args, { encoding: 'utf8', timeout: 60_000 });
  return { status, said: `${stdout}${stderr}` };
}

async function startServer(own: number): Promise<ServerProcess> {
  const compose = environmentOf(services['cluster-app']!, {});
  const redisUrl = placed(compose['REDIS_URL']!);
  const env = environment({ simulator, redisUrl, port: own });
  const running = startProcess({ cwd: folder, env: { ...compose, ...env, HOST: '127.0.0.1' } });
  await ready(running, env.BASE_URL);
  return running;
}

describe('the profile `cluster`', () => {
  let own: number;

  it('its commands → a cluster, and a server that is ready on it', async () => {
    for (const name of names) mkdirSync(join(folder, name));
    await Promise.all(names.map(startNode));
    expect(create()).toMatchObject({ status: 0 });
    [own = 0] = await freePorts(1);
    server = await startServer(own);
    browser = createBrowser(`http://127.0.0.1:${own}`);
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect((await browser.signIn(simulator.people[0]!.id)).status).toBe(200);
    // Keeps what it is given: there is nothing to complain of.
    expect(server.output()).not.toMatch(/append|maxmemory/);
  }, 60_000);

  it('once more → nothing changes', async () => {
    expect(create()).toMatchObject({ status: 0 });
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
  }, 60_000);

  it('all containers at each other’s addresses → found again, the session is there', async () => {
    await server?.stop();
    await Promise.all([...nodes.values()].map((node) => node.stop()));
    const before = [...addresses.values()];
    names.forEach((name, i) => addresses.set(name, before[(i + 1) % before.length]!));
    await Promise.all(names.map(startNode));
    const made = create();
    expect(made).toMatchObject({ status: 0 });
    expect(made.said).not.toContain('Performing hash slots allocation');
    server = await startServer(own);
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: true });
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
  }, 90_000);
});
