/** For so long a revocation is tried. */
const TRIED_FOR_MS = 24 * 60 * 60_000;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 30 * 60_000;

/**
 * When to try a revocation again: after five seconds, then twice as long each time up to half an hour,
 * with jitter, and not before Fullscript said. The last try is made when the day is over.
 *
 * @param failed.attempts how often it was tried.
 * @param failed.random between 0 and 1, for the jitter.
 * @returns milliseconds; undefined when it was tried for a day.
 */
export function retryIn(failed: {
  addedAt: number;
  attempts: number;
  now: number;
  random: number;
  retryAfterMs?: number | undefined;
  firstWaitMs?: number | undefined;
}): number | undefined {
  const { addedAt, attempts, now, random, retryAfterMs = 0 } = failed;
  const left = addedAt + TRIED_FOR_MS - now;
  if (left <= 0) return undefined;
  const wait = (failed.firstWaitMs ?? FIRST_WAIT_MS) * 2 ** (attempts - 1);
  const jittered = Math.min(LONGEST_WAIT_MS, wait) * (0.5 + random / 2);
  return Math.min(Math.max(jittered, retryAfterMs), left);
}
