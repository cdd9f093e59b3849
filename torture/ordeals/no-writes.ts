import type { Redis } from 'ioredis';
import { closeRedis } from '../../src/redis/client.js';
import type { Browser } from '../../test/support/browser.js';
import { connectTo } from '../../test/support/contract.js';
import { until } from '../../test/support/until.js';
import { told } from '../call.js';
import type { Fleet, Member } from '../fleet.js';
import { startLoad } from '../load.js';
import type { Ordeal } from '../ordeal.js';
import { type Visitor, sessionOf, storedGrants } from '../visitor.js';

const STAYING = 2;
const LEAVING = 4;
const RED_LIMIT_MS = 3_000;
const LEAVE_LIMIT_MS = 1_500;
/** Those who left are signed out for good so long after Redis takes writes again. */
const GONE_LIMIT_MS = 5_000;

interface Refusal {
  readonly name: string;
  readonly begin: (redis: Redis) => Promise<unknown>;
  readonly end: (redis: Redis) => Promise<unknown>;
  /** A client leaves a replica to look for the master, so that reading is cut off for a moment. */
  readonly reads: boolean;
}

const REFUSALS: readonly Refusal[] = [
  {
    name: 'full',
    begin: (redis) => redis.config('SET', 'maxmemory', '1'),
    end: (redis) => redis.config('SET', 'maxmemory', '0'),
    reads: true,
  },
  {
    name: 'without replicas',
    begin: (redis) => redis.config('SET', 'min-replicas-to-write', '1'),
    end: (redis) => redis.config('SET', 'min-replicas-to-write', '0'),
    reads: true,
  },
  {
    name: 'read-only',
    begin: (redis) => redis.replicaof('127.0.0.1', 1),
    end: (redis) => redis.replicaof('NO', 'ONE'),
    reads: false,
  },
];

export const noWrites: Ordeal = {
  name: 'no-writes',
  title:
    'Redis takes no writes: all can leave, the others go on reading, /readyz red in ≤ 3 s; 0 grants lost',
  run: async ({ short, random, open }) => {
    const rounds = (short ? 1 : 4) * REFUSALS.length;
    const fleet = await open({ processes: 2 });
    const redis = (await connectTo(fleet.redis)) as Redis;
    const misses: string[] = [];
    const worst = { leave: 0, red: 0, gone: 0 };
    try {
      for (let round = 1; round <= rounds; round += 1) {
        const refusal = REFUSALS[round % REFUSALS.length]!;
        const seen = await refuse(fleet, redis, { refusal, random });
        for (const name of ['leave', 'red', 'gone'] as const) {
          worst[name] = Math.max(worst[name], seen[name]);
        }
        misses.push(...seen.misses.map((miss) => `round ${round} (${refusal.name}): ${miss}`));
      }
    } finally {
      await closeRedis(redis);
    }
    const [leave, red, gone] = [worst.leave, worst.red, worst.gone].map(Math.round);
    const left = rounds * LEAVING;
    const figure = `${left} left, the slowest in ${leave} ms; red after ${red} ms; sessions gone ${gone} ms after`;
    return { rounds, figure, misses };
  },
};

async function refuse(
  fleet: Fleet,
  redis: Redis,
  { refusal, random }: { refusal: Refusal; random: Parameters<Ordeal['run']>[0]['random'] },
) {
  const { members } = fleet;
  const visitors: Visitor[] = [];
  for (let i = 0; i < STAYING + LEAVING; i += 1) visitors.push(await fleet.signIn(i));
  const [staying, leaving] = [visitors.slice(0, STAYING), visitors.slice(STAYING)];
  const browsers = leaving.map((visitor) => visitor.at(random.pick(members)));
  const tokens = await Promise.all(browsers.map((browser) => browser.csrfToken()));
  await refusal.begin(redis);
  const from = performance.now();
  const load = startLoad({ members, visitors: staying, clients: 4, pauseMs: 30, random });
  const misses: string[] = [];
  const red = await timeUntil(RED_LIMIT_MS, () => allAre(members, false));
  const answers = await Promise.all(browsers.map((browser, at) => leave(browser, tokens[at]!)));
  misses.push(...answers.flatMap(({ miss }) => miss));
  const calls = await load.stop();
  const bad = calls.filter(({ status }) => status !== 200 && (refusal.reads || status !== 503));
  if (bad.length > 0) misses.push(`${bad.length} calls failed, such as ${told(bad[0]!)}`);
  if (!calls.some(({ status }) => status === 200)) misses.push('no call was answered');
  await refusal.end(redis);
  const back = performance.now();
  const copies = () => Promise.all(leaving.map((visitor) => sessionOf(visitor, members[0]!)));
  const gone = await timeUntil(GONE_LIMIT_MS, async () =>
    (await copies()).every((view) => view?.signedIn === false),
  );
  if (red === undefined) misses.push('a process called itself ready');
  if (gone === undefined) misses.push('a session that was left is still good');
  await until(() => allAre(members, true));
  const views = await Promise.all(staying.map((visitor) => sessionOf(visitor, members[1]!)));
  if (views.some((view) => view?.signedIn !== true)) misses.push('somebody was signed out');
  const grants = await storedGrants(fleet.redis, visitors);
  const lost = grants.filter((grant) => grant?.status !== 'active').length;
  if (lost > 0) misses.push(`${lost} grants lost`);
  return {
    misses,
    leave: Math.max(...answers.map(({ tookMs }) => tookMs)),
    red: (red ?? Infinity) - from,
    gone: (gone ?? Infinity) - back,
  };
}

/** Signs out, and says what was not as it must be. */
async function leave(browser: Browser, _csrf: string) {
  const from = performance.now();
  const body = new URLSearchParams({ _csrf });
  const { status } = await browser.send('/sign-out', { method: 'POST', body });
  const tookMs = performance.now() - from;
  const miss = [
    ...(status === 303 ? [] : [`a sign-out was answered with ${status}`]),
    ...(browser.cookies.has('fc_session') ? ['a browser kept its cookie'] : []),
    ...(tookMs > LEAVE_LIMIT_MS ? [`a sign-out took ${Math.round(tookMs)} ms`] : []),
  ];
  return { tookMs, miss };
}

async function allAre(members: readonly Member[], ready: boolean): Promise<boolean> {
  return (await Promise.all(members.map((member) => member.isReady()))).every(
    (one) => one === ready,
  );
}

/** When it came true, by `performance.now()`; undefined when it did not in time. */
async function timeUntil(
  limitMs: number,
  condition: () => Promise<boolean>,
): Promise<number | undefined> {
  const reached = await until(condition, limitMs).then(
    () => true,
    () => false,
  );
  return reached ? performance.now() : undefined;
}
