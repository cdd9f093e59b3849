/** Answers of a server that is restarting or overloaded for a moment. */
const PASSING = new Set([502, 503, 504]);
const ATTEMPTS = 2;
const WAIT_MS = 150;

/**
 * Milliseconds until a call may be repeated, or `undefined` when it may not. Only calls that change
 * nothing are repeated, once, and never against a rate limit.
 *
 * @param at.status of the answer; undefined when there was none.
 */
export function retryDelay(at: {
  attempt: number;
  method: string;
  status: number | undefined;
}): number | undefined {
  const safe = at.method === 'GET' || at.method === 'HEAD';
  const passing = at.status === undefined || PASSING.has(at.status);
  return safe && passing && at.attempt < ATTEMPTS ? WAIT_MS * at.attempt : undefined;
}
