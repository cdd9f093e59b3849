/** For so long a revocation is tried. */
const TRIED_FOR_MS = 24 * 60 * 60_000;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 30 * 60_000;
const HANDED_BACK_MS = 1_000;
const SHARE_OF_AGE = 0.1;

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

/**
 * When to deliver a revocation again that this process cannot open: at once, for the next process may have
 * the key, as long as it is young; the older it is, the less that is to be expected, and the longer it waits.
 * About a hundred times in a day.
 *
 * @returns milliseconds; undefined when the day is over.
 */
export function handBackIn({ addedAt, now }: { addedAt: number; now: number }): number | undefined {
  const left = addedAt + TRIED_FOR_MS - now;
  if (left <= 0) return undefined;
  const wait = Math.max(HANDED_BACK_MS, (now - addedAt) * SHARE_OF_AGE);
  return Math.min(wait, LONGEST_WAIT_MS, left);
}
