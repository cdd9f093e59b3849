import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openFileJournal } from '../../../src/disk/file-journal.js';
import { createCipher, keyIdOf } from '../../../src/grants/cipher.js';
import type { GrantRecords } from '../../../src/grants/grant-records.js';
import { createUnsavedPairs } from '../../../src/grants/unsaved-pairs.js';
import { createVault } from '../../../src/grants/vault.js';
import { type RedisClient, closeRedis } from '../../../src/redis/client.js';
import { AUDIT_TRAIL_KEY } from '../../support/keys.js';
import { createRedisGrantRecords } from '../../../src/redis/grant-records.js';
import type { RotationReport } from '../../../src/rotation/report.js';
import { type Simulator, startSimulator } from '../../../src/simulator/simulator.js';
import { environment, freePort, startApp } from '../../support/app.js';
import { type Browser, createBrowser } from '../../support/browser.js';
import { connectTo } from '../../support/contract.js';
import { type ServerProcess, alive, ready, startProcess } from '../../support/process.js';
import { DURABLE, type TestRedis, startRedis } from '../../support/redis-server.js';
import {
  asVariable,
  grantOfOwner,
  keyOfOwner,
  sealingKey,
  seedGrants,
} from '../../support/seeded-grants.js';
import { until } from '../../support/until.js';

const [a, b] = [sealingKey('A'), sealingKey('B')];
const CLINIC = '/api/fullscript/clinic';

let redis: TestRedis;
let simulator: Simulator;
let client: RedisClient;
let records: GrantRecords;
let folder: string;
let env: ReturnType<typeof environment>;
const running: ServerProcess[] = [];

beforeEach(async () => {
  [redis, simulator] = await Promise.all([startRedis({ args: DURABLE }), startSimulator()]);
  client = await connectTo(redis);
  records = createRedisGrantRecords(client);
  folder = await mkdtemp(join(tmpdir(), 'fc-rotation-'));
  env = environment({ simulator, redisUrl: redis.url, port: await freePort() });
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await closeRedis(client);
  await Promise.all([simulator.close(), redis.stop()]);
  await rm(folder, { recursive: true, force: true });
});

type Keys = Parameters<typeof asVariable>;
const withKeys = (...keys: Keys) => ({ ...env, TOKEN_ENCRYPTION_KEYS: asVariable(...keys) });

function launchServer(...keys: Keys): ServerProcess {
  const server = startProcess({ cwd: folder, env: withKeys(...keys) });
  running.push(server);
  return server;
}

async function startServer(...keys: Keys): Promise<ServerProcess> {
  const server = launchServer(...keys);
  await ready(server, env.BASE_URL);
  return server;
}

function startRotation(settings: Record<string, string>, ...args: string[]): ServerProcess {
  const line = ['keys', 'rotate', ...args];
  const rotation = startProcess({ cwd: folder, env: settings, script: 'cli/main.js', args: line });
  running.push(rotation);
  return rotation;
}

async function rotate(
  ...keys: Keys
): Promise<{ code: number | NodeJS.Signals; report: RotationReport }> {
  const rotation = startRotation(withKeys(...keys), '--json');
  const code = await rotation.exited;
  return { code, report: reportIn(rotation) };
}

function reportIn(rotation: ServerProcess): RotationReport {
  const json = /^\{.*\}$/m.exec(rotation.output())?.[0];
  if (json === undefined) throw new Error(`no report:\n${rotation.output()}`);
  return JSON.parse(json) as RotationReport;
}

async function signedIn(people: number): Promise<Browser[]> {
  const browsers = simulator.people.slice(0, people).map(() => createBrowser(env.BASE_URL));
  for (const [at, browser] of browsers.entries()) await browser.signIn(simulator.people[at]!.id);
  return browsers;
}

/** Whether one of these is sealed with B already. */
async function hasBegun(ids: readonly string[]): Promise<boolean> {
  const sample = ids.filter((_, at) => at % 20 === 0);
  const found = await Promise.all(sample.map((id) => records.read(id)));
  return found.some((record) => keyIdOf(record!.sealed) === 'B');
}

/** Everybody calls without end; the statuses of all calls. */
function startLoad(browsers: readonly Browser[]) {
  const statuses: number[] = [];
  let stopped = false;
  const clients = browsers.map(async (browser) => {
    while (!stopped) statuses.push((await browser.send(CLINIC)).status);
  });
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(clients);
      return statuses;
    },
  };
}

describe('npm run keys:rotate beside a server under load', () => {
  it('stopped and resumed → no call fails, everything is resealed, and the old key can go', async () => {
    // Everybody refreshes all the time; a refreshed token inherits it.
    simulator.settings.accessTokenLifetime = 2;
    const first = await startServer(a);
    const browsers = await signedIn(4);
    const ids = await seedGrants(records, [a], 3_000);
    expect(await first.stop()).toBe(0);

    const second = await startServer(b, a);
    const load = startLoad(browsers);
    const interrupted = startRotation(withKeys(b, a), '--json');
    await until(() => hasBegun(ids));
    interrupted.child.kill('SIGINT');
    expect(await interrupted.exited).toBe(130);
    const { resealed, status } = reportIn(interrupted);
    expect(status).toBe('interrupted');
    expect(resealed).toBeGreaterThan(0);
    expect(resealed).toBeLessThan(3_000);
    const { refreshes } = simulator.stats;
    const { code, report } = await rotate(b, a);
    expect(code).toBe(0);
    // Those of the people may have been sealed anew by their refresh.
    expect(report).toMatchObject({ status: 'done', grants: 3_004, left: 0, removable: ['A'] });
    expect(report.resealed).toBeGreaterThanOrEqual(3_000 - resealed);
    expect(report.resealed).toBeLessThanOrEqual(3_004 - resealed);
    await until(() => simulator.stats.refreshes > refreshes + 4);
    const statuses = await load.stop();
    expect(statuses.length).toBeGreaterThan(20);
    expect(statuses.filter((one) => one !== 200)).toEqual([]);
    expect(await second.stop()).toBe(0);

    await startServer(b);
    for (const browser of browsers) {
      expect((await browser.send(CLINIC)).status).toBe(200);
      expect(await browser.json('/api/session')).toMatchObject({ status: 'active' });
    }
    const vault = createVault({ records, cipher: createCipher([b]) });
    for (let at = 0; at < 3_000; at += 1) {
      const grant = await vault.read(keyOfOwner(`seed-${at}`));
      expect(grant!.version).toBe(2);
      expect(grant!.tokens.refreshToken!.reveal()).toBe(`refresh-of-seed-${at}`);
    }
  }, 90_000);
});

describe('npm run keys:rotate', () => {
  it('Redis ends half-way → waits for it, and does the rest', async () => {
    const ids = await seedGrants(records, [a], 2_000);
    const rotation = startRotation(withKeys(b, a));
    await until(() => hasBegun(ids));
    await redis.kill();
    await until(() =>
      /Redis cannot be reached: .*ECONNREFUSED.*Nothing is lost; trying again in 1 s/.test(
        rotation.output(),
      ),
    );
    await redis.restart();
    expect(await rotation.exited).toBe(0);
    expect(rotation.output()).toContain('2,000 grants are stored, all of them sealed with key "B"');
    expect(rotation.output()).toContain('Key "A" is no longer needed by any grant.');
    // This test's own connection may still be on its way back.
    const written = () => client.xrevrange(AUDIT_TRAIL_KEY, '+', '-').catch(() => undefined);
    await until(async () => (await written()) !== undefined);
    const [entry] = (await written()) ?? [];
    expect(entry?.[1].join(' ')).toMatch(/event keys_rotated .*outcome done/);
  }, 60_000);

  it('--dry-run → tells how many grants need the old key, changes nothing, exits with 1', async () => {
    const ids = await seedGrants(records, [a], 20);
    const rotation = startRotation(withKeys(b, a), '--dry-run');
    expect(await rotation.exited).toBe(1);
    expect(rotation.output()).toContain('Key "A" is still needed by 20 grants.');
    expect(await hasBegun(ids)).toBe(false);
  });

  it('the old key was removed too early → names it, changes nothing, exits with 1', async () => {
    await seedGrants(records, [a], 20);
    const { code, report } = await rotate(b);
    expect(code).toBe(1);
    expect(report.keys).toContainEqual(
      expect.objectContaining({ id: 'A', configured: false, grants: 20, unopenable: 20 }),
    );
    expect((await rotate(b, a)).report).toMatchObject({ status: 'done', resealed: 20 });
  });

  it('a pair of the old key waits in the journal → the key is still needed', async () => {
    const journal = await openFileJournal({ dir: join(env.DATA_DIR, 'journal') });
    await keepPair(journal, a, 'somebody');
    const { code, report } = await rotate(b, a);
    expect(code).toBe(1);
    expect(report).toMatchObject({ status: 'left', removable: [] });
    expect(report.keys[1]).toMatchObject({ id: 'A', journal: 1 });
  });

  it('an unknown option → exits with 64; a wrong configuration → 78; --help → the text', async () => {
    const unknown = startRotation(withKeys(b), '--fast');
    const wrong = startRotation({ ...env, TOKEN_ENCRYPTION_KEYS: 'B:short' });
    const help = startRotation({}, '--help');
    expect(await unknown.exited).toBe(64);
    expect(await wrong.exited).toBe(78);
    expect(wrong.output()).toContain('TOKEN_ENCRYPTION_KEYS entry 1');
    expect(await help.exited).toBe(0);
    expect(help.output()).toContain('fullscript-connect keys rotate --dry-run');
  });
});

describe('npm run keys:rotate with the embedded store', () => {
  const embedded = (...keys: Keys) => ({
    ...withKeys(...keys),
    REDIS_URL: '',
    DATA_DIR: join(folder, '.data'),
  });

  async function start(...keys: Keys): Promise<ServerProcess> {
    const server = startProcess({ cwd: folder, env: embedded(...keys) });
    running.push(server);
    await ready(server, env.BASE_URL);
    return server;
  }

  it('shares the store of a running server, and opens it where none runs', async () => {
    const first = await start(a);
    const [browser] = await signedIn(1);
    expect(await first.stop()).toBe(0);
    const second = await start(b, a);
    const beside = startRotation(embedded(b, a), '--json');
    expect(await beside.exited).toBe(0);
    expect(reportIn(beside)).toMatchObject({ status: 'done', grants: 1, resealed: 1 });
    expect((await browser!.send(CLINIC)).status).toBe(200);
    expect(await second.stop()).toBe(0);
    const alone = startRotation(embedded(b, a), '--json');
    expect(await alone.exited).toBe(0);
    expect(reportIn(alone)).toMatchObject({ status: 'done', grants: 1, resealed: 0 });
    await start(b);
    expect((await browser!.send(CLINIC)).status).toBe(200);
  }, 60_000);

  it('where no server keeps anything → fails, says so, and leaves no file', async () => {
    const nowhere = join(folder, 'nowhere');
    const settings = { REDIS_URL: '', DATA_DIR: nowhere };
    const inWords = startRotation({ ...embedded(b, a), ...settings });
    const list = { cwd: folder, env: settings, script: 'cli/main.js', args: ['grants', 'list'] };
    for (const ran of [inWords, startProcess(list)]) {
      expect(await ran.exited).toBe(1);
      expect(ran.output()).toContain(`no server keeps anything in ${nowhere}`);
    }
    expect(existsSync(nowhere)).toBe(false);
  });

  it('where no redis-server is installed → says that nothing is stored', async () => {
    const rotation = startRotation({ ...embedded(b, a), PATH: '/nowhere' });
    expect(await rotation.exited).toBe(0);
    expect(rotation.output()).toMatch(/^Nothing is stored: /);
  });
});

describe('a key that was removed too early', () => {
  it('a user who connects again meanwhile goes on with the new consent, then and later', async () => {
    // With the next key behind it, as the rules for rotating ask: a store that knows none of the keys refuses.
    const before = await startApp(withKeys(a, b));
    const [browser] = await signedIn(1);
    await before.close();
    const without = await startApp(withKeys(b));
    expect((await browser!.send(CLINIC)).status).toBe(500);
    await browser!.signIn(simulator.people[0]!.id);
    expect((await browser!.send(CLINIC)).status).toBe(200);
    await without.close();
    const back = await startApp(withKeys(b, a));
    expect((await browser!.send(CLINIC)).status).toBe(200);
    await back.close();
  });

  it('of a pair in the journal → the server stays up, saves other pairs, and is not ready', async () => {
    const dir = join(env.DATA_DIR, 'journal');
    const journal = await openFileJournal({ dir });
    await keepPair(journal, a, 'one');
    await keepPair(journal, b, 'two');
    const without = launchServer(b);
    await alive(without, env.BASE_URL);
    expect(without.output()).toMatch(/journal holds pairs sealed with keys.*put them back/);
    expect(without.output()).toContain('"keys":["A"]');
    // Nobody has this grant any more, so replaying means to forget it.
    await until(
      async () =>
        (await openFileJournal({ dir })).find('us-sandbox:Practitioner:two') === undefined,
    );
    expect((await createBrowser(env.BASE_URL).send('/livez')).status).toBe(200);
    expect((await createBrowser(env.BASE_URL).send('/readyz')).status).toBe(503);
    expect(await without.stop()).toBe(0);
    await startServer(b, a);
    // Ready is whoever has nothing left to save; the file goes a moment later.
    await until(async () => (await openFileJournal({ dir })).entries().length === 0);
    expect(existsSync(dir)).toBe(true);
  });
});

/** Leaves a refreshed pair in the journal, as a server does that cannot save it. */
function keepPair(
  journal: Awaited<ReturnType<typeof openFileJournal>>,
  key: typeof a,
  owner: string,
): Promise<unknown> {
  const pair = { key: keyOfOwner(owner), version: 1, ancestors: [] };
  const unsaved = createUnsavedPairs({ journal, cipher: createCipher([key]) });
  return unsaved.keep({ ...pair, renewed: grantOfOwner(owner) });
}
