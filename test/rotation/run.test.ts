import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { keyIdOf } from '../../src/grants/cipher.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import type { RotationReport } from '../../src/rotation/report.js';
import { type RunDeps, runRotation } from '../../src/rotation/run.js';
import { connectTo, until } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { sealingKey, seedGrants } from '../support/seeded-grants.js';

const [a, b] = [sealingKey('A'), sealingKey('B')];

let redis: TestRedis;
let client: RedisClient;
let records: GrantRecords;
let dataDir: string;

beforeAll(async () => {
  redis = await startRedis();
  client = await connectTo(redis);
  records = createRedisGrantRecords(client);
  dataDir = await mkdtemp(join(tmpdir(), 'fc-run-'));
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(() => client.flushall());

function run(overrides: Partial<RunDeps> = {}, url = redis.url) {
  const [said, printed]: [string[], string[]] = [[], []];
  const deps: RunDeps = {
    config: { store: parseStoreUrl(url), dataDir, sealingKeys: [b, a] },
    options: { dryRun: false, json: false },
    terminal: { isTTY: true, columns: 100, write: (text) => said.push(text) },
    print: (text) => printed.push(text),
    signal: new AbortController().signal,
    ...overrides,
  };
  return { said, printed, ended: runRotation(deps) };
}

describe('runRotation', () => {
  it('reseals, wipes the bar, prints the result, and leaves no trace in DATA_DIR', async () => {
    const [id = ''] = await seedGrants(records, [a], 150);
    const { said, printed, ended } = run();
    expect(await ended).toBe('done');
    expect(printed.join()).toContain('150 sealed anew just now');
    expect(said.join('')).toContain('resealing [');
    expect(said.at(-1)).toBe('\r\u001b[2K');
    expect(keyIdOf((await records.read(id))!.sealed)).toBe('B');
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('as JSON → one line that a program can read', async () => {
    await seedGrants(records, [a], 3);
    const { printed, ended } = run({ options: { dryRun: true, json: true } });
    expect(await ended).toBe('left');
    expect(printed).toHaveLength(1);
    expect(JSON.parse(printed[0]!) as RotationReport).toMatchObject({
      ...{ status: 'left', dryRun: true, grants: 3, resealed: 0, left: 3, removeAfter: null },
    });
  });

  it('told to stop before it began → changes nothing', async () => {
    const [id = ''] = await seedGrants(records, [a], 3);
    const { printed, ended } = run({ signal: AbortSignal.abort('SIGTERM') });
    expect(await ended).toBe('interrupted');
    expect(printed.join()).toContain('Run it again to go on.');
    expect(keyIdOf((await records.read(id))!.sealed)).toBe('A');
  });

  it('Redis is away → says why and waits; told to stop → does not wait any longer', async () => {
    const stop = new AbortController();
    const nowhere = `unix://${join(dataDir, 'nowhere.sock')}`;
    const { said, printed, ended } = run({ signal: stop.signal }, nowhere);
    await until(() => said.join('').includes('trying again in 1 s'));
    expect(said.join('')).toMatch(/Redis cannot be reached: .*ENOENT.*Nothing is lost/);
    stop.abort('SIGINT');
    expect(await ended).toBe('interrupted');
    expect(printed.join()).toBe('No grant was changed.\nRun it again to go on.');
  });
});
