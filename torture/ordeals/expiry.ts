import { setTimeout as delay } from 'node:timers/promises';
import { told } from '../call.js';
import type { Fleet } from '../fleet.js';
import type { Ordeal } from '../ordeal.js';
import { type Visitor, sessionOf } from '../visitor.js';

const CALLS = 200;
/** Long enough for a round of calls; a refreshed token lives as long. */
const LIFETIME_SECONDS = 8;
/** The server refreshes early in the last tenth. */
const EARLY_MS = LIFETIME_SECONDS * 100;

/** The ways in which an access token ends. */
const ENDS = ['expired', 'early', 'rejected'] as const;

export const expiry: Ordeal = {
  name: 'expiry',
  title: `${CALLS} parallel calls at expiry over 4 processes: 1 refresh a round, 0 failed calls`,
  run: async ({ short, random, open }) => {
    const rounds = short ? 3 : 20;
    const fleet = await open({ processes: 4, lifetimeSeconds: LIFETIME_SECONDS });
    const visitor = await fleet.signIn(0);
    const misses: string[] = [];
    const counts: number[] = [];
    let failedCalls = 0;
    for (let round = 1; round <= rounds; round += 1) {
      const end = ENDS[round % ENDS.length]!;
      await reach(end, fleet, visitor);
      const { refreshes, failed } = await oneRound(fleet, visitor, random.between(0, 400));
      counts.push(refreshes);
      failedCalls += failed.length;
      if (refreshes !== 1) misses.push(`round ${round} (${end}): ${refreshes} refreshes`);
      if (failed.length > 0) {
        misses.push(`round ${round} (${end}): ${failed.length} failed, such as ${failed[0]!}`);
      }
    }
    const most = Math.max(...counts);
    const least = Math.min(...counts);
    const figure = `${least === most ? most : `${least}–${most}`} refresh a round, ${failedCalls} of ${CALLS * rounds} calls failed`;
    return { rounds, figure, misses };
  },
};

/** Waits, or sees to it, that the stored access token has come to its end. */
async function reach(end: (typeof ENDS)[number], fleet: Fleet, visitor: Visitor): Promise<void> {
  if (end === 'rejected') {
    fleet.simulator.expireAccessTokens();
    return;
  }
  const session = await sessionOf(visitor, fleet.members[0]!);
  const left = Date.parse(session?.expiresAt ?? '') - Date.now();
  await delay(Math.max(0, end === 'early' ? left - EARLY_MS * 0.9 : left));
}

async function oneRound({ simulator, members }: Fleet, visitor: Visitor, slowMs: number) {
  const before = simulator.stats.refreshes;
  const quicken = simulator.faults.add({ endpoint: 'token', kind: 'delay', ms: slowMs });
  const calls = Array.from({ length: CALLS }, (_, i) => members[i % members.length]!.ask(visitor));
  const answers = await Promise.all(calls);
  // A refresh behind the callers' backs, and one too many, would still come.
  await delay(slowMs + 300);
  quicken();
  return {
    refreshes: simulator.stats.refreshes - before,
    failed: answers.filter(({ status }) => status !== 200).map(told),
  };
}
