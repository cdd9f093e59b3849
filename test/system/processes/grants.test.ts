import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { loadConfig } from '../../../src/config.js';
import { closeRedis } from '../../../src/redis/client.js';
import { createRedisGrantIndex } from '../../../src/redis/grant-index.js';
import { createRedisGrantRecords } from '../../../src/redis/grant-records.js';
import { GRANT_INDEX_CHECKED_KEY, GRANT_INDEX_KEY, lockKey } from '../../support/keys.js';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment, freePort, startApp } from '../../support/app.js';
import { createBrowser } from '../../support/browser.js';
import { connectTo } from '../../support/contract.js';
import { alive, ready, startProcess } from '../../support/process.js';
import { startRedisGate } from '../../support/redis-gate.js';
import { DURABLE, type TestRedis, startRedis } from '../../support/redis-server.js';
import { seedGrants } from '../../support/seeded-grants.js';
import { until } from '../../support/until.js';

let redis: TestRedis;
let simulator: Simulator;
let client: Redis;
let cwd: string;
let env: ReturnType<typeof environment>;
const ends: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  [redis, simulator] = await Promise.all([startRedis({ args: DURABLE }), startSimulator()]);
  client = (await connectTo(redis)) as Redis;
  cwd = await mkdtemp(join(tmpdir(), 'fc-grants-'));
  env = environment({ simulator, redisUrl: redis.url, port: await freePort() });
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  await closeRedis(client);
  await Promise.all([simulator.close(), redis.stop()]);
  await rm(cwd, { recursive: true, force: true });
});

function command(line: string, extra: Record<string, string> = {}) {
  const args = line.split(' ');
  const started = startProcess({ cwd, env: { ...env, ...extra }, script: 'cli/main.js', args });
  ends.push(() => started.stop());
  return started;
}

async function run(line: string): Promise<{ code: number | NodeJS.Signals; output: string }> {
  const started = command(line);
  return { code: await started.exited, output: started.output() };
}

const index = () => createRedisGrantIndex(client);
const listed = async () => (await index().page({ limit: 10_000 })).length;

describe('an upgrade from a version without an index', () => {
  const old = (howMany: number) =>
    seedGrants(createRedisGrantRecords(client), loadConfig(env).sealingKeys, howMany);

  it('two servers start at once → one of them indexes every grant, once', async () => {
    await old(300);
    const apps = [await freePort(), await freePort()].map((port) =>
      startApp({ ...env, PORT: String(port), BASE_URL: `http://127.0.0.1:${port}` }),
    );
    const [one, two] = await Promise.all(apps);
    ends.push(one!.close, two!.close);
    await until(async () => (await client.exists(GRANT_INDEX_CHECKED_KEY)) === 1);
    expect(await listed()).toBe(300);
    const said = () => [...one!.lines, ...two!.lines].filter((line) => line.includes('is checked'));
    await until(() => said().length > 0);
    expect(said()).toHaveLength(1);
    expect(said()[0]).toContain('"grants":300');
  });

  it('a server is killed half-way → the next one does it all', async () => {
    await old(3_000);
    const server = startProcess({ cwd, env });
    await until(async () => (await client.zcard(GRANT_INDEX_KEY)) > 0, 20_000);
    server.child.kill('SIGKILL');
    await server.exited;
    expect(await client.exists(GRANT_INDEX_CHECKED_KEY)).toBe(0);
    expect(await listed()).toBeLessThan(3_000);
    // Its lease, which ends by itself within six seconds; the next look comes after a minute.
    await until(async () => (await client.exists(lockKey('grant-index'))) === 0);
    const next = await startApp(env);
    ends.push(next.close);
    await until(async () => (await client.exists(GRANT_INDEX_CHECKED_KEY)) === 1, 20_000);
    expect(await listed()).toBe(3_000);
  }, 60_000);

  it('by hand → the same; the list is there, page by page, on standard output alone', async () => {
    await old(120);
    expect(await run('grants reindex')).toEqual({
      code: 0,
      output: 'Grants in the index: 120. Entries without a grant that were removed: 0.\n',
    });
    const { code, output } = await run('grants list --json --limit 100');
    const page = JSON.parse(output) as { grants: unknown[]; next: string };
    expect([code, page.grants.length]).toEqual([0, 100]);
    const rest = await run(`grants list --json --cursor ${page.next}`);
    expect(JSON.parse(rest.output)).toMatchObject({ next: null, grants: { length: 20 } });
    expect((await run('grants list --limit x')).code).toBe(64);
  }, 30_000);
});

describe('commands beside a server', () => {
  async function signedIn() {
    const server = startProcess({ cwd, env });
    ends.push(() => server.stop());
    await ready(server, env.BASE_URL);
    const browser = createBrowser(env.BASE_URL);
    await browser.signIn(simulator.people[0]!.id);
    const { resourceOwner } = await browser.json<{ resourceOwner: { id: string; type: string } }>(
      '/api/session',
    );
    const call = async () => (await browser.send('/api/fullscript/clinic')).status;
    return { server, browser, call, user: `us-sandbox/${resourceOwner.type}/${resourceOwner.id}` };
  }

  /** What is still being written is none of it yet. */
  const journal = async () => {
    const files = await readdir(join(env.DATA_DIR, 'journal')).catch(() => []);
    return files.filter((name) => name.endsWith('.json'));
  };
  const tokenCalls = () => simulator.requests.filter(({ path }) => path.endsWith('/oauth/token'));

  it('list, show, refresh, disconnect → as documented, exit codes too, and no search', async () => {
    const { browser, call, user } = await signedIn();
    await until(async () => (await listed()) === 1);
    await client.config('RESETSTAT');
    expect((await run('grants list')).output).toContain(`${user}  active`);
    expect((await run(`grants show ${user}`)).output).toMatch(/sessions {4}1\n/);
    expect((await run(`grants refresh ${user}`)).code).toBe(0);
    expect(await call()).toBe(200);
    expect(await journal()).toEqual([]);
    const { code, output } = await run(`grants disconnect ${user} --json`);
    expect([code, JSON.parse(output)]).toEqual([
      0,
      { user, disconnected: true, outcome: 'revoked', ended: 1 },
    ]);
    expect(simulator.stats.livePairs).toBe(0);
    expect(await browser.json('/api/session')).toMatchObject({ signedIn: false });
    expect((await run(`grants show ${user}`)).code).toBe(1);
    expect(await client.info('commandstats')).not.toMatch(/cmdstat_(scan|keys):/);
  }, 40_000);

  it('Redis does not take the new pair → kept in DATA_DIR, and saved before the command ends', async () => {
    const { call, user } = await signedIn();
    const gate = await startRedisGate(redis.socketPath);
    ends.push(gate.close);
    const save = gate.hold((text) => text.includes("'HSET', KEYS[1], 'v'"));
    const refresh = command(`grants refresh ${user}`, { REDIS_URL: gate.url });
    await save.reached;
    await until(async () => (await journal()).length === 1);
    save.release();
    expect([await refresh.exited, await journal()]).toEqual([0, []]);
    expect(refresh.output()).toContain('it is kept in DATA_DIR and tried again');
    const calls = tokenCalls().length;
    expect(await call()).toBe(200);
    expect(tokenCalls()).toHaveLength(calls);
  }, 40_000);

  it('killed while it holds the only new pair → the next server start saves it, nobody is asked again', async () => {
    const { server, browser, call, user } = await signedIn();
    const gate = await startRedisGate(redis.socketPath);
    ends.push(gate.close);
    gate.hold((text) => text.includes("'HSET', KEYS[1], 'v'"));
    const refresh = command(`grants refresh ${user}`, { REDIS_URL: gate.url });
    await until(async () => (await journal()).length === 1);
    refresh.child.kill('SIGKILL');
    await refresh.exited;
    await server.stop();
    const again = startProcess({ cwd, env });
    ends.push(() => again.stop());
    await alive(again, env.BASE_URL);
    // The lock of the command has to run out first: six seconds, and the round after it.
    await until(async () => (await journal()).length === 0, 25_000);
    const calls = tokenCalls().length;
    expect(await call()).toBe(200);
    expect(tokenCalls()).toHaveLength(calls);
    expect(await browser.json('/api/session')).toMatchObject({ status: 'active' });
  }, 40_000);
});
