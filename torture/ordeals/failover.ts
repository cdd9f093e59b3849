import { setTimeout as delay } from 'node:timers/promises';
import { grantId } from '../../src/grants/grant.js';
import { grantKey } from '../../test/support/keys.js';
import { startCluster } from '../../test/support/redis-cluster.js';
import type { GroupMember, RedisGroup } from '../../test/support/redis-group.js';
import { startSentinels } from '../../test/support/redis-sentinels.js';
import { type Answer, told } from '../call.js';
import type { FleetOn } from '../fleet.js';
import { startLoad } from '../load.js';
import type { Ordeal, OrdealStage, Outcome } from '../ordeal.js';
import type { Random } from '../random.js';
import { type Visitor, lostAmong, sessionOf, settle } from '../visitor.js';

const PEOPLE = 8;
/** So short that somebody is always refreshing. */
const LIFETIME_SECONDS = 2;
const REFUSAL_LIMIT_MS = 1_000;
/** A lock that its holder could not release ends with its lease. */
const WAIT_LIMIT_MS = 7_000;
/** Silent for a second, a vote, and a pause after refreshes that failed. */
const RECOVERY_LIMIT_MS = 12_000;
/** A sentinel that tells late of the new master makes clients connect to it once more. */
const BLIP_MS = 2_000;

export const sentinelFailover: Ordeal = {
  name: 'sentinel-failover',
  title:
    'master behind Sentinel killed or frozen under load: 503 in ≤ 1 s, 0 grants or sessions lost',
  run: async (stage) => failovers(stage, await startSentinels()),
};

export const clusterMasterLoss: Ordeal = {
  name: 'cluster-master-loss',
  title: 'master of a Cluster killed, frozen under load: 503 in ≤ 1 s, 0 grants, sessions lost',
  run: async (stage) => failovers(stage, await startCluster()),
};

async function failovers(
  { short, random, openOn }: OrdealStage,
  group: RedisGroup,
): Promise<Outcome> {
  const rounds = short ? 2 : 10;
  const fleet = await openOn(group, { processes: 2, lifetimeSeconds: LIFETIME_SECONDS });
  const visitors: Visitor[] = [];
  for (let i = 0; i < PEOPLE; i += 1) visitors.push(await fleet.signIn(i));
  const misses: string[] = [];
  const seen: Figures[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const how = round % 2 === 1 ? 'killed' : 'frozen';
    const { missed, ...figures } = await strike({ fleet, group, visitors, random, how, short });
    seen.push(figures);
    const lost = await lostOf(fleet, visitors);
    misses.push(...[...missed, ...lost].map((miss) => `round ${round}, master ${how}: ${miss}`));
  }
  return { rounds, figure: figureOf(seen), misses };
}

interface Figures {
  readonly refused: number;
  /** The longest waits, in milliseconds: for a 503, and for an answer that came in the end. */
  readonly refusal: number;
  readonly wait: number;
  /** When the last 503 came, in milliseconds since the strike. */
  readonly back: number;
}

function figureOf(seen: readonly Figures[]): string {
  const most = (name: keyof Figures) => Math.round(Math.max(...seen.map((one) => one[name])));
  const refused = seen.reduce((sum, one) => sum + one.refused, 0);
  const backs = seen.map(({ back }) => (back / 1_000).toFixed(1)).join(', ');
  return `${refused} answers were 503, slowest ${most('refusal')} ms (others ${most('wait')}); all well after ${backs} s`;
}

interface Strike {
  readonly fleet: FleetOn;
  readonly group: RedisGroup;
  readonly visitors: readonly Visitor[];
  readonly random: Random;
  readonly how: 'killed' | 'frozen';
  readonly short: boolean;
}

/** Takes the master of somebody's grant away under load, and brings it back when all is well. */
async function strike({ fleet, group, visitors, random, how, short }: Strike) {
  const { members } = fleet;
  await group.followed();
  const load = startLoad({ members, visitors, clients: 2 * PEOPLE, pauseMs: 30, random });
  await delay(random.between(1_000, 2_000));
  const victim = await group.masterOf(grantKey(grantId(random.pick(visitors).key)));
  const from = performance.now();
  await takeAway(victim, how);
  await succeeded(group, visitors, victim);
  await Promise.all(visitors.map((visitor) => settle(visitor, random.pick(members))));
  await bringBack(victim, how);
  const returned = performance.now();
  // Sentinels take some ten seconds to make a replica of it.
  if (!short) await group.healthy();
  await delay(BLIP_MS + 500);
  return judge(await load.stop(), { from, returned });
}

async function takeAway(victim: GroupMember, how: Strike['how']): Promise<void> {
  if (how === 'killed') await victim.kill();
  else victim.pause();
}

async function bringBack(victim: GroupMember, how: Strike['how']): Promise<void> {
  if (how === 'killed') await victim.restart();
  else victim.resume();
}

/** Waits for a new master. */
async function succeeded(
  group: RedisGroup,
  visitors: readonly Visitor[],
  victim: GroupMember,
): Promise<void> {
  const keys = visitors.map(({ key }) => grantKey(grantId(key)));
  const isMaster = async () => {
    const masters = await Promise.all(keys.map((key) => group.masterOf(key).catch(() => victim)));
    return masters.some(({ port }) => port === victim.port);
  };
  while (await isMaster()) await delay(50);
}

function judge(answers: readonly Answer[], { from, returned }: { from: number; returned: number }) {
  const after = answers.filter(({ to }) => to > from);
  const refused = after.filter(({ status }) => status === 503);
  const others = after.filter(({ status }) => status !== 503);
  const wrong = others.filter(({ status }) => status !== 200);
  const cookies = refused.filter(({ setsCookie }) => setsCookie);
  const again = refused.filter((answer) => answer.from > returned + BLIP_MS);
  const longest = (of: readonly Answer[]) => Math.max(0, ...of.map((one) => waited(one, from)));
  const late = refused.filter((answer) => waited(answer, from) > REFUSAL_LIMIT_MS);
  const figures: Figures = {
    refused: refused.length,
    refusal: longest(refused),
    wait: longest(others),
    back: Math.max(0, ...refused.map(({ to }) => to - from)),
  };
  const missed = [
    ...(refused.length === 0 ? ['nobody noticed'] : []),
    ...(wrong.length > 0 ? [`${wrong.length} answers such as ${told(wrong[0]!)}`] : []),
    ...(cookies.length > 0 ? [`${cookies.length} errors changed a cookie`] : []),
    ...late.map((answer) => `${told(answer)} ${span(answer, from)}`),
    ...tooLong('an answer', figures.wait, WAIT_LIMIT_MS),
    ...tooLong('recovery', figures.back, RECOVERY_LIMIT_MS),
    ...(again.length > 0 ? [`${again.length} errors when the old master was back`] : []),
  ];
  return { ...figures, missed };
}

/** How long somebody waited, as far as it was after the strike. */
function waited(answer: Answer, from: number): number {
  return answer.to - Math.max(answer.from, from);
}

function span(answer: Answer, strike: number): string {
  const [asked, answered] = [answer.from - strike, answer.to - strike].map(Math.round);
  return `was asked for at ${asked} ms and came at ${answered} ms`;
}

function tooLong(what: string, ms: number, limitMs: number): string[] {
  return ms > limitMs ? [`${what} took ${Math.round(ms)} ms`] : [];
}

async function lostOf({ members }: FleetOn, visitors: readonly Visitor[]): Promise<string[]> {
  const views = await Promise.all(visitors.map((visitor) => sessionOf(visitor, members[1]!)));
  const signedOut = views.filter((view) => view?.signedIn !== true).length;
  const lost = await lostAmong(visitors, members[0]!);
  return [
    ...(signedOut > 0 ? [`${signedOut} sessions lost`] : []),
    ...lost.map(({ why }) => `a grant ended, ${why}`),
  ];
}
