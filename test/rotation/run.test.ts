import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { keyIdOf } from '../../src/grants/cipher.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { reportText } from '../../src/rotation/report-text.js';
import { type RunDeps, runRotation } from '../../src/rotation/run.js';
import { createProgress } from '../../src/terminal/progress.js';
import { connectTo } from '../support/contract.js';
import { sealingKey, seedGrants } from '../support/seeded-grants.js';
import { type Database, openDatabase } from '../support/shared-redis.js';
import { until } from '../support/until.js';

const [a, b] = [sealingKey('A'), sealingKey('B')];

let redis: Database;
let client: RedisClient;
let records: GrantRecords;
let dataDir: string;

beforeAll(async () => {
  redis = await openDatabase();
  client = await connectTo(redis);
  records = createRedisGrantRecords(client);
  dataDir = await mkdtemp(join(tmpdir(), 'fc-run-'));
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(() => client.flushdb());

function run(overrides: Partial<RunDeps> = {}, url = redis.url) {
  const said: string[] = [];
  const terminal = { isTTY: true, columns: 100, write: (text: string) => said.push(text) };
  const deps: RunDeps = {
    config: { store: parseStoreUrl(url), dataDir, sealingKeys: [b, a] },
    dryRun: false,
    progress: createProgress({ terminal, now: () => performance.now() }),
    signal: new AbortController().signal,
    ...overrides,
  };
  const ended = runRotation(deps).then((report) => ({
    status: report?.status,
    report,
    printed: report === undefined ? '' : reportText(report).join('\n'),
  }));
  return { said, ended };
}

describe('runRotation', () => {
  it('reseals, wipes the bar, prints the result, and leaves no trace in DATA_DIR', async () => {
    const [id = ''] = await seedGrants(records, [a], 150);
    const { said, ended } = run();
    const { status, printed } = await ended;
    expect(status).toBe('done');
    expect(printed).toContain('150 sealed anew just now');
    expect(said.join('')).toContain('resealing [');
    expect(said.at(-1)).toBe('\r\u001b[2K');
    expect(keyIdOf((await records.read(id))!.sealed)).toBe('B');
    expect(await readdir(dataDir)).toEqual([]);
  });

  it('only counting → what is left, and nothing is changed', async () => {
    await seedGrants(records, [a], 3);
    const { report } = await run({ dryRun: true }).ended;
    expect(report).toMatchObject({
      ...{ status: 'left', dryRun: true, grants: 3, resealed: 0, left: 3, removeAfter: null },
    });
  });

  it('told to stop before it began → changes nothing', async () => {
    const [id = ''] = await seedGrants(records, [a], 3);
    const { status, printed } = await run({ signal: AbortSignal.abort('SIGTERM') }).ended;
    expect(status).toBe('interrupted');
    expect(printed).toContain('Run it again to go on.');
    expect(keyIdOf((await records.read(id))!.sealed)).toBe('A');
  });

  it('Redis is away → says why and waits; told to stop → does not wait any longer', async () => {
    const stop = new AbortController();
    const nowhere = `unix://${join(dataDir, 'nowhere.sock')}`;
    const { said, ended } = run({ signal: stop.signal, readyWaitMs: 300 }, nowhere);
    await until(() => said.join('').includes('trying again in 1 s'));
    expect(said.join('')).toMatch(/Redis cannot be reached: .*ENOENT.*Nothing is lost/);
    stop.abort('SIGINT');
    const { status, printed } = await ended;
    expect(status).toBe('interrupted');
    expect(printed).toBe('No grant was changed.\nRun it again to go on.');
  });
});
