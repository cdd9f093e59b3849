import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { percentile } from '../../bench/statistics.js';
import { type Answer, told } from '../call.js';
import type { Member } from '../fleet.js';
import type { Ordeal } from '../ordeal.js';
import type { Visitor } from '../visitor.js';

/** What the flooding user asks for, which Fullscript takes so long for. */
const SLOW = '/clinic/patients';
const SLOW_MS = 2_000;
const EVERY_MS = 100;
/** Until the flood has taken whatever it can get. */
const RISING_MS = 3_000;
const WARM_UP = 30;

interface Flood {
  readonly name: string;
  /** So many calls are open at any time. */
  readonly open?: number;
  /** So many are sent a second, whatever becomes of those before. */
  readonly rate?: number;
}

const FLOODS: readonly Flood[] = [
  { name: '300 open calls', open: 300 },
  { name: '400 calls a second', rate: 400 },
];

export const oneUserFloods: Ordeal = {
  name: 'one-user-floods',
  title:
    'one user floods a slow API: no call of another user fails, p99 ≤ twice that without the flood, or 50 ms more',
  run: async ({ short, open }) => {
    const calls = short ? 100 : 500;
    // One is flooded. The other one says what the same call takes on this machine at the same time.
    const { members, simulator, signIn } = await open({ processes: 2 });
    const [flooded, quiet] = members;
    const [flooding, other] = [await signIn(0), await signIn(1)];
    const path = `/api${SLOW}`;
    simulator.faults.add({ endpoint: 'api', kind: 'delay', ms: SLOW_MS, path });
    for (const member of members) await series(member, other, WARM_UP);
    const alone = p99(await series(flooded!, other, calls));
    const misses: string[] = [];
    const figures = [`p99 alone ${alone} ms`];
    for (const flood of FLOODS) {
      const { stop } = startFlood(`${flooded!.origin}/api/fullscript${SLOW}`, flooding, flood);
      await delay(RISING_MS);
      const [beside, elsewhere] = await Promise.all([
        series(flooded!, other, calls),
        series(quiet!, other, calls),
      ]);
      const answered = await stop();
      const normal = Math.max(alone, p99(elsewhere));
      const allowed = Math.max(2 * normal, normal + 50);
      const failed = beside.filter(({ status }) => status !== 200).map(told);
      if (failed.length > 0) {
        misses.push(`${flood.name}: ${failed.length} calls failed, such as ${failed[0]!}`);
      }
      if (p99(beside) > allowed) {
        misses.push(`${flood.name}: p99 ${p99(beside)} ms, at most ${allowed} ms allowed`);
      }
      figures.push(
        `beside ${flood.name} (${answered}) ${p99(beside)} ms, at a process without them ${p99(elsewhere)} ms`,
      );
      await delay(SLOW_MS);
    }
    return { rounds: FLOODS.length, figure: figures.join('; '), misses };
  },
};

/** Calls of one user, one begun every tenth of a second whatever becomes of those before. */
async function series(member: Member, visitor: Visitor, calls: number): Promise<Answer[]> {
  const from = performance.now();
  const asked: Promise<Answer>[] = [];
  for (let at = 0; at < calls; at += 1) {
    await delay(from + at * EVERY_MS - performance.now());
    asked.push(member.ask(visitor));
  }
  return Promise.all(asked);
}

function p99(answers: readonly Answer[]): number {
  const took = answers.map(({ from, to }) => to - from);
  return Math.round(percentile(took, 0.99));
}

function startFlood(url: string, visitor: Visitor, { open, rate }: Flood) {
  const workerData = { url, cookie: visitor.cookie(), open, rate };
  const worker = new Worker(new URL('../flood.mjs', import.meta.url), { workerData });
  return {
    /** Ends it, and says what its calls came to. */
    stop: async () => {
      worker.postMessage('stop');
      const [statuses] = (await once(worker, 'message')) as [Record<string, number>];
      await worker.terminate();
      const counts = Object.entries(statuses).map(([status, count]) => `${count} × ${status}`);
      return counts.join(', ');
    },
  };
}
