import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from '../../src/simulator/simulator.js';
import { told } from '../call.js';
import type { Fleet } from '../fleet.js';
import { startLoad } from '../load.js';
import type { Ordeal, OrdealStage } from '../ordeal.js';
import { type Visitor, sessionOf, settle } from '../visitor.js';

/** A fault and how often, at most, Fullscript may be asked while it lasts. */
interface Trial {
  readonly name: string;
  readonly fault: Fault;
  readonly bound: number;
  readonly lastsMs?: number;
}

const LASTS_MS = 2_000;
/** What the back-off of one grant allows in that time: at once, at once, after 0.5 s, after 1.5 s. */
const BACKED_OFF = 4;
const TOKEN = { endpoint: 'token', grantType: 'refresh_token' } as const;

const FAILURES: readonly Trial[] = [
  { name: '500', fault: { ...TOKEN, kind: 'status', status: 500 }, bound: BACKED_OFF },
  {
    // Longer than the trial lasts, so asking once more is asking too early.
    ...{ name: '429 with Retry-After', bound: 1 },
    fault: { ...TOKEN, kind: 'status', status: 429, headers: { 'retry-after': '3' } },
  },
  { name: 'drop', fault: { ...TOKEN, kind: 'drop' }, bound: BACKED_OFF },
  { name: 'lost answer', fault: { ...TOKEN, kind: 'lost_answer' }, bound: BACKED_OFF },
  { name: 'garbage', fault: { ...TOKEN, kind: 'garbage' }, bound: BACKED_OFF },
  {
    ...{ name: 'missing expires_in', bound: 1 },
    fault: { ...TOKEN, kind: 'missing_field', fields: ['expires_in'] },
  },
  {
    // Once: a server that never sends one has none to send.
    ...{ name: 'missing refresh_token', bound: 2 },
    fault: { ...TOKEN, kind: 'missing_field', fields: ['refresh_token'], times: 1 },
  },
];

const TIME_OUT: Trial = {
  ...{ name: 'time-out', bound: 2, lastsMs: 24_000 },
  fault: { ...TOKEN, kind: 'delay', ms: 22_000, times: 2 },
};

export const tokenEndpoint: Ordeal = {
  name: 'token-endpoint',
  title: 'token endpoint in seven ways of failing: no grant ended, attempts bounded',
  run: async (stage) => {
    const trials = stage.short ? FAILURES : [...FAILURES, TIME_OUT];
    const fleet = await stage.open({ processes: 2 });
    const misses: string[] = [];
    const attempts: number[] = [];
    for (const [index, trial] of trials.entries()) {
      const visitor = await fleet.signIn(index % fleet.simulator.people.length);
      const seen = await suffer(fleet, trial, { visitor, random: stage.random });
      attempts.push(seen.attempts);
      if (seen.attempts > trial.bound) {
        misses.push(`${trial.name}: ${seen.attempts} attempts, at most ${trial.bound} allowed`);
      }
      misses.push(...seen.problems.map((problem) => `${trial.name}: ${problem}`));
    }
    const figure = `${attempts.join('/')} attempts in ${LASTS_MS / 1000} s, ${misses.length} misses`;
    return { rounds: trials.length, figure, misses };
  },
};

/** Calls while the fault lasts, then mends it; the grant must answer again, and refresh again. */
async function suffer(
  { simulator, members }: Fleet,
  { fault, lastsMs = LASTS_MS }: Trial,
  { visitor, random }: { visitor: Visitor; random: OrdealStage['random'] },
) {
  const problems: string[] = [];
  simulator.expireAccessTokens();
  simulator.faults.add(fault);
  const before = simulator.stats.refreshes;
  const load = startLoad({ members, visitors: [visitor], clients: 6, pauseMs: 40, random });
  await delay(lastsMs);
  const attempts = simulator.stats.refreshes - before;
  const session = await sessionOf(visitor, members[0]!);
  if (session?.status !== 'active') problems.push('the grant ended while it lasted');
  simulator.faults.reset();
  await load.stop();
  for (const what of ['afterwards', 'at the next refresh']) {
    for (const member of members) {
      const answer = await settle(visitor, member);
      if (answer.status !== 200) problems.push(`${what} the answer is ${told(answer)}`);
    }
    simulator.expireAccessTokens();
  }
  return { attempts, problems };
}
