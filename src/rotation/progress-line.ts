import type { RotationStep } from '../grants/rotate-keys.js';

/** How far a step is. */
export interface Advance {
  readonly step: RotationStep;
  readonly seen: number;
  readonly resealed: number;
  /** What an earlier step counted; undefined while counting. */
  readonly total: number | undefined;
  /** Milliseconds, on the clock of `now`. */
  readonly startedAt: number;
}

const VERBS: Record<RotationStep, string> = {
  count: 'counting',
  reseal: 'resealing',
  check: 'checking',
};
const LONGEST_BAR = 30;
const SHORTEST_BAR = 5;
const NUMBER = new Intl.NumberFormat('en');

/** One line that says how far a step is, at which rate, and how long it will take. */
export function progressLine(
  advance: Advance,
  at: { now: number; columns: number; bar: boolean },
): string {
  const { step, seen, resealed, total, startedAt } = advance;
  const seconds = Math.max(at.now - startedAt, 1) / 1000;
  const rate = seen / seconds;
  const speed = `${count(Math.round(rate))}/s`;
  if (total === undefined || total === 0) return `${VERBS[step]}: ${count(seen)} seen, ${speed}`;
  // Grants may have come since they were counted.
  const share = Math.min(seen / total, 1);
  const remaining = rate > 0 ? `, ${duration(Math.max(total - seen, 0) / rate)} left` : '';
  const of = `${count(seen)} of ${count(total)}, ${count(resealed)} resealed, ${speed}${remaining}`;
  const text = `${String(Math.floor(share * 100)).padStart(3)} %  ${of}`;
  if (!at.bar) return `${VERBS[step]}: ${text.trimStart()}`;
  const room = Math.min(at.columns - VERBS[step].length - text.length - 6, LONGEST_BAR);
  const bar = room < SHORTEST_BAR ? '' : `[${barOf(share, room)}] `;
  return `${VERBS[step]} ${bar}${text}`.slice(0, at.columns - 1);
}

function barOf(share: number, width: number): string {
  const filled = Math.floor(share * width);
  return '#'.repeat(filled) + '.'.repeat(width - filled);
}

/** A number as people write it. */
export function count(value: number): string {
  return NUMBER.format(value);
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.ceil(whole / 60)} min`;
}
