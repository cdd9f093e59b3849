/** A small deterministic source of numbers, so that every start serves the same people. */
export interface Prng {
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number;
  pick<T>(choices: readonly T[]): T;
  /** So many different ones. */
  several<T>(choices: readonly T[], count: number): T[];
  uuid(): string;
}

/** Builds a generator whose whole sequence follows from `seed` (a multiply-and-shift mixer). */
export function createPrng(seed: number): Prng {
  let counter = seed >>> 0;
  const next = (): number => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  const pick = <T>(choices: readonly T[]): T => {
    const choice = choices[below(choices.length)];
    if (choice === undefined) throw new RangeError('nothing to pick from');
    return choice;
  };
  return {
    below,
    pick,
    several: (choices, count) => {
      const left = [...choices];
      const length = Math.min(count, left.length);
      return Array.from({ length }, () => left.splice(below(left.length), 1)).flat();
    },
    uuid: () => formatUuid([next(), next(), next(), next()]),
  };
}

function formatUuid(words: readonly number[]): string {
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`];
  return [...groups, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}
