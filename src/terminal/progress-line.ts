/** How far something is that takes long. */
export interface Advance {
  /** What is done to each, for example "resealing". */
  readonly label: string;
  readonly seen: number;
  /** Behind the numbers, for example "12 resealed"; empty for nothing. */
  readonly note: string;
  /** What there is, as far as it is known. */
  readonly total: number | undefined;
  /** Milliseconds, on the clock of `now`. */
  readonly startedAt: number;
}

const LONGEST_BAR = 30;
const SHORTEST_BAR = 5;
const NUMBER = new Intl.NumberFormat('en');

/** One line that says how far it is, at which rate, and how long it will take. */
export function progressLine(
  advance: Advance,
  at: { now: number; columns: number; bar: boolean },
): string {
  const { label, seen, note, total, startedAt } = advance;
  const seconds = Math.max(at.now - startedAt, 1) / 1000;
  const rate = seen / seconds;
  const speed = `${count(Math.round(rate))}/s`;
  // Where there are more than were counted, nobody knows how many are left.
  const isKnown = total !== undefined && total > 0 && seen <= total;
  if (!isKnown) return `${label}: ${count(seen)} seen, ${speed}`;
  const share = seen / total;
  const remaining = rate > 0 ? `, ${duration((total - seen) / rate)} left` : '';
  const noted = note === '' ? '' : `, ${note}`;
  const of = `${count(seen)} of ${count(total)}${noted}, ${speed}${remaining}`;
  const text = `${String(Math.floor(share * 100)).padStart(3)} %  ${of}`;
  if (!at.bar) return `${label}: ${text.trimStart()}`;
  const room = Math.min(at.columns - label.length - text.length - 6, LONGEST_BAR);
  const bar = room < SHORTEST_BAR ? '' : `[${barOf(share, room)}] `;
  return `${label} ${bar}${text}`.slice(0, at.columns - 1);
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
