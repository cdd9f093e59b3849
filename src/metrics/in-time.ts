import { atMost } from '../grants/patience.js';

const LIMIT_MS = 500;

/**
 * What `work` resolves to, or undefined when it fails or takes too long: the other metrics must not wait
 * for it.
 */
export function inTime<T>(work: () => Promise<T>, limitMs = LIMIT_MS): Promise<T | undefined> {
  const answer = Promise.resolve()
    .then(work)
    .catch(() => undefined);
  return atMost(limitMs, answer);
}
