import { createSecretKey, randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { type Custody, openNoJournal, withCustody } from '../src/cli/grant-custody.js';
import { lookAtGrants } from '../src/cli/grant-store.js';
import { storeOf } from '../src/cli/run-on-store.js';
import { type Config, loadConfig } from '../src/config.js';
import { createDisconnect } from '../src/grants/disconnect.js';
import type { GrantEvents } from '../src/grants/grant-events.js';
import { type GrantFilter, GRANT_STATUSES } from '../src/grants/grant-index.js';
import { grantId } from '../src/grants/grant.js';
import { checkIndex } from '../src/grants/index-check.js';
import { REGISTRATION_IDS } from '../src/oauth/registration.js';
import { RESOURCE_OWNER_TYPES } from '../src/oauth/resource-owner.js';
import { createRedisLock } from '../src/redis/lock.js';
import { openClient } from '../src/redis/open-client.js';
import {
  SIMULATOR_CLIENT_ID,
  SIMULATOR_CLIENT_SECRET,
  type Simulator,
  startSimulator,
} from '../src/simulator/simulator.js';
import { DURABLE, startRedis } from '../test/support/redis-server.js';
import { keyAt, seedGrants } from './seed-grants.js';

/**
 * How long an administrator waits where 100,000 grants are stored: a private Redis with its append-only file
 * on, written before each answer, and a simulator that knows none of the tokens, all on this machine.
 * Grants are sealed and stored as a server does it, and indexed by the same check that indexes those of an
 * older version. Prints the median and the 99th percentile of each act. Run it on a machine that has
 * nothing else to do.
 */

const GRANTS = 100_000;
const TIMES = 1_000;
const PAGE = 50;
const BUDGET_MS = 50;

/** Milliseconds of each of so many times, sorted. */
async function measure(act: (turn: number) => Promise<unknown>, times = TIMES): Promise<number[]> {
  const took: number[] = [];
  for (let turn = 0; turn < times; turn += 1) {
    const from = performance.now();
    await act(turn);
    took.push(performance.now() - from);
  }
  return took.sort((one, other) => one - other);
}

const FILTERS: Record<string, () => GrantFilter> = {
  'a page of 50': () => ({}),
  'a page of a registration': () => ({ registration: REGISTRATION_IDS[randomInt(4)] }),
  'a page of a type': () => ({ type: RESOURCE_OWNER_TYPES[randomInt(3)] }),
  'a page of a status': () => ({ status: GRANT_STATUSES[randomInt(2)] }),
};

const someKey = () => keyAt(randomInt(GRANTS));
const cursor = () => Buffer.from(grantId(someKey())).toString('base64url');

type Look = ReturnType<typeof lookAtGrants>;

async function measureLooks(look: Look): Promise<[string, number[]][]> {
  const rows: [string, number[]][] = [];
  for (const [name, filter] of Object.entries(FILTERS)) {
    const list = () => look.list({ ...filter(), limit: PAGE, cursor: cursor() });
    rows.push([name, await measure(list)]);
  }
  rows.push(['showing one', await measure(() => look.details(someKey()))]);
  rows.push(['counts by registration and status', await measure(() => look.index.counts())]);
  return rows;
}

/**
 * Cuts off another one each time, of a registration that has credentials here: sessions, lock, queue,
 * record and index, until nobody here can use the grant any more and it is not listed. What follows is two
 * calls to Fullscript, of which the simulator says nothing about the real one: they are counted apart.
 */
async function measureCuts({ store, client }: Parts, custody: Custody) {
  const { vault, indexUpkeep } = custody;
  const cuts: number[] = [];
  let from = 0;
  const revocations: Custody['revocations'] = {
    ...custody.revocations,
    add: async (revocation) => {
      const { attempt } = await custody.revocations.add(revocation);
      const marked = async () => {
        await indexUpkeep.settled();
        cuts.push(performance.now() - from);
        return attempt();
      };
      return { attempt: marked };
    },
  };
  const events = { disconnected: () => undefined } as unknown as GrantEvents;
  const disconnect = createDisconnect({
    vault,
    lock: createRedisLock(client),
    revocations,
    events,
  });
  const confirmed = await measure(async (turn) => {
    const key = keyAt(turn * Math.floor(GRANTS / TIMES) + 1);
    from = performance.now();
    await store.sessions.endAll(grantId(key));
    await disconnect(key);
  });
  return { cuts: cuts.sort((one, other) => one - other), confirmed };
}

/** What is counted as a search through everything. */
async function searches(client: Redis): Promise<number> {
  const stats = await client.info('commandstats');
  const found = stats.matchAll(/cmdstat_(?:scan|keys):calls=(\d+)/g);
  return [...found].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

function configFor(simulator: Simulator, redisUrl: string, dataDir: string): Config {
  const key = createSecretKey(randomBytes(32)).export().toString('base64');
  const credentials = (region: string) => ({
    [`FULLSCRIPT_${region}_CLIENT_ID`]: SIMULATOR_CLIENT_ID,
    [`FULLSCRIPT_${region}_CLIENT_SECRET`]: SIMULATOR_CLIENT_SECRET,
    [`FULLSCRIPT_${region}_API_URL`]: simulator.apiUrl,
  });
  return loadConfig({
    ...{ REDIS_URL: redisUrl, DATA_DIR: dataDir, TOKEN_ENCRYPTION_KEYS: `k1:${key}` },
    ...{ SESSION_SECRET: randomBytes(32).toString('base64url') },
    ...{ ...credentials('US'), ...credentials('CA') },
  });
}

const at = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;

function rowText([name, took]: readonly [string, readonly number[]]): string {
  const [median, slow, slowest] = [at(took, 0.5), at(took, 0.99), at(took, 1)];
  const cells = [median, slow, slowest].map((ms) => ms.toFixed(1).padStart(8));
  return `${name.padEnd(44)}${cells.join('')}\n`;
}

async function bench(): Promise<boolean> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fc-bench-'));
  const redis = await startRedis({ args: DURABLE });
  const simulator = await startSimulator();
  const config = configFor(simulator, redis.url, dataDir);
  const opened = await openClient({ config, say: print });
  if (opened === undefined) throw new Error('there is a Redis');
  try {
    const client = opened.client as Redis;
    await seedGrants(client, config, GRANTS);
    return await report({ config, store: storeOf(opened), client });
  } finally {
    await opened.close();
    await Promise.all([simulator.close(), redis.stop()]);
    await rm(dataDir, { recursive: true, force: true });
  }
}

interface Parts {
  readonly config: Config;
  readonly store: ReturnType<typeof storeOf>;
  readonly client: Redis;
}

async function report(parts: Parts): Promise<boolean> {
  const { config, store, client } = parts;
  const look = lookAtGrants(store, config);
  const indexed = await buildIndex(look, store);
  await client.config('RESETSTAT');
  const rows = await measureLooks(look);
  const deps = { store, config, journal: openNoJournal(), say: print };
  const { cuts, confirmed } = await withCustody(deps, (custody) => measureCuts(parts, custody));
  rows.push(['cutting one off', cuts]);
  const found = await searches(client);
  const left = (await look.index.counts()).reduce((sum, { grants }) => sum + grants, 0);
  const late = rows.filter(([, took]) => !(at(took, 0.99) <= BUDGET_MS)).map(([name]) => name);
  const verdict = late.length === 0 ? 'within' : `OVER, by ${late.join(' and ')},`;
  print(`\n${'milliseconds'.padEnd(44)}  median     p99     max\n${rows.map(rowText).join('')}`);
  const write = await measure((turn) => client.set('bench', turn));
  const others: [string, number[]][] = [
    ['cutting one off, confirmed by the simulator', confirmed],
    ['one SET, of which a cut has five', write],
  ];
  print(`\nfor comparison:\n${others.map(rowText).join('')}`);
  print(`\n${verdict} the budget of ${BUDGET_MS} ms; SCAN or KEYS: ${found} times; `);
  print(`${left} left in the index\n`);
  return late.length === 0 && found === 0 && indexed === GRANTS && left === GRANTS - TIMES;
}

async function buildIndex(look: Look, { records }: Parts['store']): Promise<number> {
  const from = performance.now();
  const checked = await checkIndex({ ...look, records, signal: new AbortController().signal });
  const seconds = ((performance.now() - from) / 1_000).toFixed(1);
  const indexed = checked.ended === 'complete' ? checked.grants : 0;
  print(`${indexed} grants, indexed in ${seconds} s\n`);
  return indexed;
}

function print(text: string): void {
  process.stdout.write(text);
}

process.exitCode = (await bench()) ? 0 : 1;
