import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { told } from '../call.js';
import type { Fleet } from '../fleet.js';
import { startLoad } from '../load.js';
import type { Ordeal } from '../ordeal.js';
import { type Visitor, lostAmong } from '../visitor.js';

const PEOPLE = 3;
const MINUTE = 60_000;
const PRELOAD = fileURLToPath(new URL('../skewed-clock.mjs', import.meta.url));
/** Far ahead, right, far behind; the fourth one jumps. */
const OFFSETS = [5 * MINUTE, 0, -5 * MINUTE, 0];
const JUMPER = OFFSETS.length - 1;
const STEP_MS = 1_000;

/** One way for access tokens to live. */
interface Trial {
  readonly name: string;
  readonly lifetimeSeconds: number;
  readonly steps: number;
  /** How many refreshes a grant may need, all processes together. */
  readonly bound: (steps: number, jumps: number) => number;
}

/**
 * By a clock that is ahead of the one that saved a token, a short-lived token is over at once. So each
 * token can cost a second refresh, and each jump one; what may not happen is that two clocks go on
 * and on about it.
 */
const SHORT_LIVED = 6;
const trials: readonly Trial[] = [
  {
    ...{ name: 'two hours', lifetimeSeconds: 7200, steps: 6 },
    // The simulator ends all tokens every second step.
    bound: (steps) => steps / 2 + OFFSETS.length,
  },
  {
    ...{ name: `${SHORT_LIVED} s`, lifetimeSeconds: SHORT_LIVED, steps: 8 },
    bound: (steps, jumps) => 2 * Math.ceil((steps * STEP_MS) / (SHORT_LIVED * 900)) + jumps,
  },
];

export const clocks: Ordeal = {
  name: 'clocks',
  title: 'clocks 5 minutes off, and jumping: no refresh loop, 0 failed calls',
  run: async (stage) => {
    const misses: string[] = [];
    const figures: string[] = [];
    for (const trial of trials) {
      const steps = stage.short ? trial.steps : trial.steps * 5;
      const fleet = await stage.open({
        ...{ processes: OFFSETS.length, lifetimeSeconds: trial.lifetimeSeconds },
        env: (folder) => ({ NODE_OPTIONS: `--import ${PRELOAD}`, CLOCK_FILE: clockFile(folder) }),
        prepare: (folder, index) => writeFile(clockFile(folder), String(OFFSETS[index])),
      });
      const seen = await suffer(fleet, { trial, steps, random: stage.random });
      figures.push(`${seen.most} refreshes of ${seen.bound} allowed (${trial.name})`);
      misses.push(...seen.misses.map((miss) => `tokens of ${trial.name}: ${miss}`));
    }
    return { rounds: trials.length, figure: figures.join(', '), misses };
  },
};

function clockFile(folder: string): string {
  return join(folder, 'clock');
}

async function suffer(
  fleet: Fleet,
  how: { trial: Trial; steps: number; random: Parameters<Ordeal['run']>[0]['random'] },
) {
  const { trial, steps, random } = how;
  const { members, simulator } = fleet;
  const visitors: Visitor[] = [];
  for (let i = 0; i < PEOPLE; i += 1) visitors.push(await fleet.signIn(i, members[i]));
  const load = startLoad({ members, visitors, clients: 9, pauseMs: 40, random });
  for (let step = 1; step <= steps; step += 1) {
    await delay(STEP_MS);
    if (step % 2 === 0) {
      if (trial.lifetimeSeconds > 60) simulator.expireAccessTokens();
      continue;
    }
    const offset = Math.round(random.between(-5 * MINUTE, 5 * MINUTE));
    await writeFile(clockFile(members[JUMPER]!.folder), String(offset));
  }
  const answers = await load.stop();
  const bound = trial.bound(steps, steps / 2);
  const most = Math.ceil(simulator.stats.refreshes / PEOPLE);
  const failed = answers.filter(({ status }) => status !== 200);
  const lost = await lostAmong(visitors, members[0]!);
  const misses = [
    ...(most > bound ? [`${most} refreshes a grant, at most ${bound} allowed`] : []),
    ...(failed.length > 0 ? [`${failed.length} calls failed, such as ${told(failed[0]!)}`] : []),
    ...lost.map(({ why }) => `a grant ended (${why})`),
  ];
  return { most, bound, misses };
}
