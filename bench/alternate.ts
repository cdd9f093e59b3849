import type { Contestant } from './contestant.js';
import { load, loadWell } from './http-load.js';
import { cpuMicroseconds } from './process-use.js';

const WAKE_UP = 50;

/** What each round said of a contestant. The rounds of all have the same order. */
export interface Rounds {
  /** Microseconds of CPU for each piece of work. */
  readonly cpu: number[];
  /** Pieces of work a second. */
  readonly perSecond: number[];
}

export interface Lane {
  readonly contestant: Contestant;
  /** Comes before the work, and does not count. */
  readonly prepare?: () => Promise<void>;
  /** Does a round's work. @returns how many pieces it was. */
  readonly work: () => Promise<number>;
}

/**
 * Lets them work in turn, in another order each round, so that whatever changes with time meets all of
 * them. The first rounds are for the compiler.
 *
 * @returns rounds in the order of the lanes.
 */
export async function alternate(
  lanes: readonly Lane[],
  { rounds, warmUp }: { rounds: number; warmUp: number },
): Promise<Rounds[]> {
  const results: Rounds[] = lanes.map(() => ({ cpu: [], perSecond: [] }));
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const at of shuffled(lanes.length)) {
      const lane = lanes[at];
      const result = results[at];
      if (lane === undefined || result === undefined) continue;
      const { cpu, perSecond } = await workOnce(lane);
      if (round < 0) continue;
      result.cpu.push(cpu);
      result.perSecond.push(perSecond);
    }
  }
  return results;
}

async function workOnce(lane: Lane): Promise<{ cpu: number; perSecond: number }> {
  const { contestant, prepare, work } = lane;
  await prepare?.();
  const { pid } = contestant.program;
  const [before, from] = [cpuMicroseconds(pid), performance.now()];
  const pieces = await work();
  const seconds = (performance.now() - from) / 1000;
  return { cpu: (cpuMicroseconds(pid) - before) / pieces, perSecond: pieces / seconds };
}

/** A lane whose work is requests, sent over some connections at a time. */
export function requestLane(
  contestant: Contestant,
  at: { requests: readonly Buffer[]; total: number; connections?: number },
): Lane {
  const { requests, connections = 16 } = at;
  const { port, spec } = contestant;
  const total = at.total * (spec.share ?? 1);
  // Whoever has had nothing to do for a while is fetched back by the machine first: pages, caches, clock.
  const prepare = async () => {
    await load({ port, requests, total: WAKE_UP, connections });
  };
  const work = async () => {
    await loadWell(spec.name, { port, requests, total, connections });
    return total;
  };
  return { contestant, prepare, work };
}

function shuffled(length: number): number[] {
  return Array.from({ length }, (_, at) => ({ at, turn: Math.random() }))
    .sort((one, other) => one.turn - other.turn)
    .map(({ at }) => at);
}
