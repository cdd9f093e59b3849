import { setTimeout as delay } from 'node:timers/promises';
import type { Grant } from '../../src/grants/grant.js';
import type { Rotation } from '../../src/simulator/simulator.js';
import type { Fleet, Member } from '../fleet.js';
import type { Ordeal, OrdealStage } from '../ordeal.js';
import { type Visitor, lostAmong, sessionOf, storedGrants } from '../visitor.js';

/** Grants that are refreshed at the same time: one kill then strikes several, each elsewhere. */
const PEOPLE = 5;
const PROCESSES = 3;
/** More refreshes of one grant in one round would be the start of a loop. */
const MOST_TRIES = 3;

export const killOnUse: Ordeal = {
  name: 'kill-on-use',
  title: 'kill -9 of the refreshing process, rotation on use: 0 grants lost',
  run: (stage) => killAgainAndAgain(stage, 'on_use'),
};

export const killImmediate: Ordeal = {
  name: 'kill-immediate',
  title: 'the same, immediate rotation: lost only between answer and save, shown, 0 loops',
  run: (stage) => killAgainAndAgain(stage, 'immediate'),
};

async function killAgainAndAgain({ short, random, open }: OrdealStage, rotation: Rotation) {
  const wanted = short ? 20 : 300;
  const fleet = await open({ processes: PROCESSES, rotation });
  const visitors: Visitor[] = [];
  for (let i = 0; i < PEOPLE; i += 1) visitors.push(await fleet.signIn(i));
  const tally = { unsent: 0, between: 0, saved: 0, lost: 0 };
  const misses: string[] = [];
  let rounds = 0;
  while (tally.unsent + tally.between + tally.saved < wanted && rounds < wanted) {
    rounds += 1;
    const victim = random.pick(fleet.members);
    const witness = random.pick(fleet.members.filter((member) => member !== victim));
    const struck = await strike({ fleet, visitors, victim, random });
    for (const { stage } of struck) tally[stage] += 1;
    const [lost] = await Promise.all([lostAmong(visitors, witness), victim.start()]);
    tally.lost += lost.length;
    for (const { visitor, why } of lost) {
      const what = struck.find((one) => one.visitor === visitor);
      const note = `round ${rounds}: a grant ended (${why}), struck ${what?.stage ?? 'not at all'}`;
      const excused = rotation === 'immediate' && what?.stage === 'between';
      if (!excused) misses.push(note);
      misses.push(...(await lookAfter(fleet, visitor)).map((problem) => `${note}: ${problem}`));
      visitors[visitors.indexOf(visitor)] = await fleet.signIn(visitors.indexOf(visitor), witness);
    }
    misses.push(...loops(fleet, struck).map((tries) => `round ${rounds}: ${tries} tries`));
  }
  fleet.simulator.expireAccessTokens();
  const dead = await lostAmong(visitors, fleet.members[0]!);
  misses.push(...dead.map(({ why }) => `a grant answers no more after the last round: ${why}`));
  const { unsent, between, saved, lost } = tally;
  const strikes = `${unsent + between + saved} struck (${unsent} unsent, ${between} between answer and save, ${saved} saved)`;
  return { rounds, figure: `${strikes}, ${lost + dead.length} lost`, misses };
}

interface Struck {
  readonly visitor: Visitor;
  /** `between`: its request was out, and the new pair was not in Redis. */
  readonly stage: 'unsent' | 'between' | 'saved';
  readonly refreshToken: string;
}

/** Has `victim` refresh all grants and kills it on the way; those whose call it took with it. */
async function strike(at: {
  fleet: Fleet;
  visitors: readonly Visitor[];
  victim: Member;
  random: OrdealStage['random'];
}): Promise<Struck[]> {
  const { fleet, visitors, victim, random } = at;
  const { simulator, redis } = fleet;
  const before = await storedGrants(redis, visitors);
  simulator.requests.length = 0;
  simulator.expireAccessTokens();
  const when = random.pick(['before', 'after'] as const);
  const ms = random.between(0, 60);
  simulator.faults.add({ endpoint: 'token', kind: 'delay', ms, when });
  // Holds calls that have their new token, so that some die with the pair saved and in use.
  simulator.faults.add({ endpoint: 'api', kind: 'delay', ms: random.between(0, 40) });
  const calls = visitors.map(async (visitor) => {
    await delay(random.between(0, 60));
    return victim.ask(visitor);
  });
  await delay(random.between(20, 140));
  await victim.kill();
  const sent = sentTokens(fleet);
  simulator.faults.reset();
  // Nobody else writes yet: the dead holder's lease is still running.
  const [answers, after] = await Promise.all([Promise.all(calls), storedGrants(redis, visitors)]);
  return visitors.flatMap((visitor, i) => {
    if (answers[i]!.status !== 0 || answers[i]!.code === 'ECONNREFUSED') return [];
    const refreshToken = tokenOf(before[i]);
    const saved = after[i]?.version !== before[i]?.version;
    const stage = saved ? 'saved' : sent.includes(refreshToken) ? 'between' : 'unsent';
    return [{ visitor, refreshToken, stage }];
  });
}

/** What a lost grant must be like: told to the user, and left in peace. */
async function lookAfter({ simulator, members }: Fleet, visitor: Visitor): Promise<string[]> {
  const problems: string[] = [];
  const before = simulator.stats.refreshes;
  for (const member of members) {
    const session = await sessionOf(visitor, member);
    if (session?.status !== 'needs_reconnect') {
      problems.push(`/api/session says ${JSON.stringify(session?.status)}`);
    }
    if (session?.reason === undefined) problems.push('/api/session gives no reason');
    for (let i = 0; i < 3; i += 1) await member.ask(visitor);
  }
  const more = simulator.stats.refreshes - before;
  if (more > 0) problems.push(`${more} refreshes after the end`);
  return problems;
}

/** How often the same refresh token was tried, where that was too often. */
function loops(fleet: Fleet, struck: readonly Struck[]): number[] {
  const sent = sentTokens(fleet);
  return struck
    .map(({ refreshToken }) => sent.filter((token) => token === refreshToken).length)
    .filter((tries) => tries > MOST_TRIES);
}

function sentTokens({ simulator }: Fleet): string[] {
  return simulator.requests
    .filter(({ grantType }) => grantType === 'refresh_token')
    .map(({ body }) => (JSON.parse(body) as { refresh_token: string }).refresh_token);
}

function tokenOf(grant: Grant | undefined): string {
  return grant?.tokens.refreshToken?.reveal() ?? '';
}
