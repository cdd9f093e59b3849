import { createHash } from 'node:crypto';

/** Random choices that a seed repeats. Timing is the machine's own, so moments repeat only roughly. */
export interface Random {
  /** From 0 up to, not including, 1. */
  readonly next: () => number;
  /** A number from `low` up to `high`. */
  readonly between: (low: number, high: number) => number;
  readonly below: (count: number) => number;
  readonly pick: <T>(choices: readonly T[]) => T;
  /** Numbers of its own for somebody who draws whenever it suits, without disturbing this order. */
  readonly fork: () => Random;
}

/** `name` keeps ordeals apart: one that runs alone sees the numbers it sees among the others. */
export function createRandom(seed: number, name: string): Random {
  let state = createHash('sha256').update(`${seed} ${name}`).digest().readUInt32LE();
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count: number) => Math.floor(next() * count);
  return {
    ...{ next, below },
    between: (low, high) => low + next() * (high - low),
    pick: (choices) => choices[below(choices.length)]!,
    fork: () => createRandom(below(2 ** 31), name),
  };
}
