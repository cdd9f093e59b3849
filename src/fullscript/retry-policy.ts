/** Answers of a server that is restarting or overloaded for a moment. */
const PASSING = new Set([502, 503, 504]);
const ATTEMPTS = 2;
const WAIT_MS = 150;

/** What came of a call: a status, or no answer because the connection broke, or we would not wait for it. */
export type CallOutcome = number | 'connection_lost' | 'given_up';

/**
 * Milliseconds until a call may be repeated, or `undefined` when it may not. Only calls that change
 * nothing are repeated, once, and never against a rate limit. Not after a time-out either: the person
 * has waited long enough.
 */
export function retryDelay(at: {
  attempt: number;
  method: string;
  outcome: CallOutcome;
}): number | undefined {
  const safe = at.method === 'GET' || at.method === 'HEAD';
  const { outcome } = at;
  const passing = outcome === 'connection_lost' || PASSING.has(Number(outcome));
  return safe && passing && at.attempt < ATTEMPTS ? WAIT_MS * at.attempt : undefined;
}
