import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, told } from '../call.js';
import type { Fleet } from '../fleet.js';
import { holdRefresh } from '../held-refresh.js';
import { startLoad } from '../load.js';
import type { Ordeal } from '../ordeal.js';
import { type Visitor, sessionOf } from '../visitor.js';

const PEOPLE = 4;
/** Commands that Redis has read already are answered; a call sent so soon after is not judged. */
const GRACE_MS = 20;
const ANSWER_LIMIT_MS = 1_000;
const RECOVERY_LIMIT_MS = 2_000;

export const freezeRedis: Ordeal = {
  name: 'freeze-redis',
  title: 'Redis frozen under load: every answer ≤ 1 s and 503, 0 sessions lost, back in ≤ 2 s',
  run: async ({ short, random, open }) => {
    const [rounds, frozenMs] = short ? [1, 2_000] : [5, 5_000];
    const fleet = await open({ processes: 2 });
    const visitors: Visitor[] = [];
    for (let i = 0; i < PEOPLE; i += 1) visitors.push(await fleet.signIn(i));
    const refresher = await fleet.signIn(PEOPLE);
    const misses: string[] = [];
    const worst = { wait: 0, back: 0, refresh: 0 };
    let judged = 0;
    for (let round = 1; round <= rounds; round += 1) {
      const { members } = fleet;
      // Ahead of the load, which then has its tokens renewed before Redis freezes.
      const refreshing = await holdRefresh(fleet, { visitor: refresher, member: members[0]! });
      const load = startLoad({ members, visitors, clients: 16, pauseMs: 30, random });
      await delay(1_000);
      const afterMs = random.between(50, 400);
      const frozen = await freeze(fleet, frozenMs, { afterMs, go: refreshing.open });
      await delay(RECOVERY_LIMIT_MS + 500);
      const answers = await load.stop();
      const seen = judge(answers, frozen);
      judged += seen.judged;
      worst.wait = Math.max(worst.wait, seen.wait);
      worst.back = Math.max(worst.back, seen.back);
      const late = (await refreshing.answer).to - frozen.from;
      worst.refresh = Math.max(worst.refresh, late);
      if (late > ANSWER_LIMIT_MS) {
        misses.push(`who waited for a refresh when Redis froze, waited ${Math.round(late)} ms`);
      }
      misses.push(...seen.misses, ...(await signedOut(fleet, [...visitors, refresher])));
    }
    const figure = `${judged} answers, slowest ${Math.round(worst.wait)} ms (in a refresh ${Math.round(worst.refresh)}), back after ${Math.round(worst.back)} ms`;
    return { rounds, figure, misses };
  },
};

/** Stops Redis for `ms`; somewhere on the way it lets the held refresh go on. */
async function freeze(
  { redis }: Fleet,
  ms: number,
  during: { readonly afterMs: number; readonly go: () => void },
) {
  const from = performance.now();
  redis.pause();
  await delay(during.afterMs);
  during.go();
  await delay(ms - during.afterMs);
  redis.resume();
  return { from, to: performance.now() };
}

function judge(answers: readonly Answer[], frozen: { from: number; to: number }) {
  const during = answers.filter(({ from }) => from > frozen.from + GRACE_MS && from < frozen.to);
  // One that was under way when Redis came back may have got through.
  const wrong = during.filter(({ status, to }) => status !== 503 && to < frozen.to);
  const waits = answers
    .filter(({ from, to }) => to > frozen.from && from < frozen.to)
    .map(({ from, to }) => to - Math.max(from, frozen.from));
  const wait = Math.max(0, ...waits);
  const bad = answers.filter(({ status, to }) => to > frozen.to && status !== 200);
  const back = Math.max(0, ...bad.map(({ to }) => to - frozen.to));
  const misses = [
    ...(during.length === 0 ? ['no call was made while Redis was frozen'] : []),
    ...(wrong.length > 0
      ? [`${wrong.length} answers were not 503, such as ${told(wrong[0]!)}`]
      : []),
    ...(wait > ANSWER_LIMIT_MS ? [`an answer took ${Math.round(wait)} ms`] : []),
    ...(back > RECOVERY_LIMIT_MS ? [`still an error ${Math.round(back)} ms after SIGCONT`] : []),
  ];
  return { judged: during.length, wait, back, misses };
}

async function signedOut({ members }: Fleet, visitors: readonly Visitor[]): Promise<string[]> {
  const views = await Promise.all(visitors.map((visitor) => sessionOf(visitor, members[1]!)));
  const lost = views.filter((view) => view?.signedIn !== true || view.status !== 'active').length;
  return lost > 0 ? [`${lost} sessions lost`] : [];
}
