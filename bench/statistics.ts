/** The middle value; of an even number the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] ?? NaN;
  return ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** The smallest value that so large a share of them does not exceed (nearest rank). NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = ascending(values);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

/**
 * The median of what one is of the other in each round. The machine's speed drifts by more than the
 * figures differ, and what two contestants have in common within a round cancels out.
 *
 * @throws RangeError when the rounds are not the same.
 */
export function medianRatio(ones: readonly number[], others: readonly number[]): number {
  if (ones.length !== others.length) throw new RangeError('rounds of different number');
  return median(ones.map((one, round) => one / (others[round] ?? NaN)));
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((one, other) => one - other);
}
