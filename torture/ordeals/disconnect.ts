import { setTimeout as delay } from 'node:timers/promises';
import type { Fleet } from '../fleet.js';
import type { Ordeal, OrdealStage } from '../ordeal.js';
import { holdRefresh } from '../held-refresh.js';
import { type Visitor, sessionOf, storedGrants } from '../visitor.js';

/** Revocations go out after the disconnect was answered. */
const SETTLE_MS = 3_000;

export const disconnect: Ordeal = {
  name: 'disconnect',
  title: 'disconnect during a refresh: nothing resurrected, the late pair revoked',
  run: async ({ short, random, open }) => {
    const [swift, paused] = short ? [8, 1] : [60, 6];
    const rounds = swift + paused;
    const fleet = await open({ processes: 2 });
    const misses: string[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      fleet.simulator.settings.rotation = round % 2 === 0 ? 'immediate' : 'on_use';
      const visitor = await fleet.signIn(random.below(fleet.simulator.people.length));
      const how = round <= swift ? 'swift' : 'holder paused';
      if (how === 'swift') await disconnectAmid(fleet, visitor, random);
      else await disconnectPaused(fleet, visitor);
      const problems = await remains(fleet, visitor);
      misses.push(...problems.map((problem) => `round ${round} (${how}): ${problem}`));
      // What is left would be counted again.
      for (const { id } of fleet.simulator.people) fleet.simulator.revokeAuthorization(id);
    }
    return { rounds, figure: `${misses.length} left alive or resurrected`, misses };
  },
};

/** A disconnect at some moment around a refresh, at the same process or another one. */
async function disconnectAmid(
  { simulator, members }: Fleet,
  visitor: Visitor,
  random: OrdealStage['random'],
): Promise<void> {
  const browser = visitor.at(random.pick(members));
  const _csrf = await browser.csrfToken();
  simulator.expireAccessTokens();
  const when = random.pick(['before', 'after'] as const);
  const ms = random.between(0, 150);
  const quicken = simulator.faults.add({ endpoint: 'token', kind: 'delay', ms, when });
  const calls = members.map((member) => member.ask(visitor));
  await delay(random.between(0, 200));
  const body = new URLSearchParams({ _csrf });
  await browser.send('/oauth/disconnect', { method: 'POST', body });
  await Promise.all(calls);
  quicken();
}

/** The refreshing process sleeps over the end of its lease, and wakes with a pair nobody wants. */
async function disconnectPaused(fleet: Fleet, visitor: Visitor): Promise<void> {
  const [holder, other] = fleet.members;
  fleet.simulator.settings.rotation = 'on_use';
  const refresh = await holdRefresh(fleet, { visitor, member: holder!, when: 'after' });
  holder!.pause();
  refresh.open();
  await visitor.at(other!).post('/oauth/disconnect');
  holder!.resume();
  await refresh.answer;
}

/** What must not be there any more, now and a little later. */
async function remains(fleet: Fleet, visitor: Visitor): Promise<string[]> {
  const { simulator, members, redis } = fleet;
  const problems: string[] = [];
  const deadline = performance.now() + SETTLE_MS;
  while (simulator.stats.livePairs > 0 && performance.now() < deadline) await delay(20);
  const { livePairs } = simulator.stats;
  if (livePairs > 0) problems.push(`${livePairs} pairs alive at Fullscript`);
  await delay(100);
  for (const member of members) {
    const session = await sessionOf(visitor, member);
    if (session?.status !== 'needs_reconnect') problems.push('the session says it is connected');
    const { status } = await member.ask(visitor);
    if (status !== 401) problems.push(`a call is answered with ${status}`);
  }
  const [stored] = await storedGrants(redis, [visitor]);
  if (stored !== undefined) problems.push('the grant is stored again');
  return problems;
}
