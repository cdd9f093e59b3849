/** What a value counts as that is in no list. */
export const OTHER = 'other';

/** The buckets of what people wait for. */
export const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** The buckets of what a request does many times. */
export const FAST_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/**
 * One child of a metric for each value of a label, made beforehand: whatever comes, a metric has no more
 * series than that, and counting makes no new objects.
 */
export function fixedChildren<Child>(
  known: readonly string[],
  make: (value: string) => Child,
): (value: string) => Child {
  const other = make(OTHER);
  const children = new Map(known.map((value) => [value, make(value)]));
  return (value) => children.get(value) ?? other;
}
