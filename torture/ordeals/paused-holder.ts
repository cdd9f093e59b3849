import { setTimeout as delay } from 'node:timers/promises';
import { told } from '../call.js';
import type { Fleet } from '../fleet.js';
import { holdRefresh } from '../held-refresh.js';
import type { Ordeal } from '../ordeal.js';
import { type Visitor, grantAtRest, settle, storedGrants } from '../visitor.js';

interface Situation {
  readonly rotation: 'on_use' | 'immediate';
  /** Whether the holder falls asleep before or after Fullscript has made its pair. */
  readonly when: 'before' | 'after';
}

const SITUATIONS: readonly Situation[] = [
  { rotation: 'on_use', when: 'after' },
  { rotation: 'on_use', when: 'before' },
  // Only the sleeper has a living pair here, so here the late write must win.
  { rotation: 'immediate', when: 'after' },
];

export const pausedHolder: Ordeal = {
  name: 'paused-holder',
  title: 'holder paused beyond its lease, then woken: late write refused, newest pair survives',
  run: async ({ short, open }) => {
    const rounds = short ? SITUATIONS.length : 12;
    const fleet = await open({ processes: 2 });
    const misses: string[] = [];
    let discarded = 0;
    for (let round = 0; round < rounds; round += 1) {
      const situation = SITUATIONS[round % SITUATIONS.length]!;
      const visitor = await fleet.signIn(round % fleet.simulator.people.length);
      const before = await fleet.members[0]!.events('late_pair_discarded');
      const problems = await sleepOver(fleet, visitor, situation);
      const late = (await fleet.members[0]!.events('late_pair_discarded')) - before;
      discarded += late;
      const due = situation.rotation === 'on_use' && situation.when === 'after' ? 1 : 0;
      if (late !== due) problems.push(`${late} late pairs discarded instead of ${due}`);
      const name = `round ${round + 1} (${situation.rotation}, ${situation.when})`;
      misses.push(...problems.map((problem) => `${name}: ${problem}`));
      for (const { id } of fleet.simulator.people) fleet.simulator.revokeAuthorization(id);
    }
    const figure = `${discarded} late pairs refused and revoked, ${misses.length} misses`;
    return { rounds, figure, misses };
  },
};

async function sleepOver(fleet: Fleet, visitor: Visitor, situation: Situation): Promise<string[]> {
  const { simulator, redis, members } = fleet;
  const [holder, other] = members;
  const { rotation, when } = situation;
  const problems: string[] = [];
  simulator.settings.rotation = rotation;
  const refresh = await holdRefresh(fleet, { visitor, member: holder!, when });
  holder!.pause();
  if (when === 'after') refresh.open();
  const overtaken = await other!.ask(visitor);
  const expected = rotation === 'on_use' ? 200 : 401;
  if (overtaken.status !== expected) problems.push(`the other process got ${told(overtaken)}`);
  refresh.open();
  // Under immediate rotation the other process has saved nothing.
  const newest = rotation === 'on_use' ? await grantAtRest(redis, visitor) : undefined;
  holder!.resume();
  const woken = await refresh.answer;
  if (woken.status !== 200) problems.push(`the woken process answered ${told(woken)}`);
  await delay(300);
  const [stored] = await storedGrants(redis, [visitor]);
  if (newest !== undefined && stored?.version !== newest.version) {
    problems.push('the late write was taken');
  }
  const { livePairs } = simulator.stats;
  if (livePairs !== 1) problems.push(`${livePairs} pairs alive instead of 1`);
  for (const member of members) {
    const answer = await settle(visitor, member);
    if (answer.status !== 200) problems.push(`afterwards the answer is ${told(answer)}`);
    simulator.expireAccessTokens();
  }
  return problems;
}
