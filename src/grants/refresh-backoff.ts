import { TokenEndpointError } from '../oauth/errors.js';
import { createBoundedMap } from './bounded-map.js';

/** Keeps refreshes that fail, or do not help, from being tried with every request. */
export interface RefreshBackoff {
  /** @throws the failure of before, while it is too early to try again. */
  readonly check: (id: string) => void;
  readonly failed: (id: string, error: unknown) => void;
  readonly succeeded: (id: string) => void;
  /** Whether the last half minute saw a failure; an early refresh can wait that long. */
  readonly failedLately: (id: string) => boolean;
  /** Tells whether a token that was fetched because another was rejected got through. */
  readonly renewed: (id: string, accepted: boolean) => void;
  /**
   * Whether a token that is good by the clock, but rejected, may be renewed. An account that answers
   * 401 whatever the token would otherwise cost a refresh a request.
   */
  readonly mayForce: (id: string) => boolean;
}

interface Failures {
  readonly count: number;
  readonly at: number;
  readonly notBefore: number;
  readonly error: unknown;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const LONGEST_RETRY_AFTER_MS = 5 * 60_000;
const FORGET_AFTER_MS = 5 * 60_000;
const LATELY_MS = 30_000;
const GRANTS_REMEMBERED = 10_000;

/**
 * The first failure may be tried again at once, unless Fullscript says when to come back; from the
 * second on the wait doubles, from one second to a minute, with jitter.
 *
 * @param deps.random between 0 and 1, for the jitter.
 */
export function createRefreshBackoff(deps: {
  now: () => number;
  random?: () => number;
}): RefreshBackoff {
  const { now, random = Math.random } = deps;
  const failures = createBoundedMap<Failures>(GRANTS_REMEMBERED);
  const useless = createBoundedMap<{ count: number; at: number }>(GRANTS_REMEMBERED);

  return {
    check: (id) => {
      const entry = failures.get(id);
      const left = (entry?.notBefore ?? 0) - now();
      if (entry !== undefined && left > 0) throw repeated(entry.error, left);
    },
    failed: (id, error) => {
      const last = failures.get(id);
      const recent = last !== undefined && now() - last.at < FORGET_AFTER_MS;
      const count = recent ? last.count + 1 : 1;
      const wait = Math.max(waitAfter(count) * (0.5 + random() / 2), retryAfterOf(error));
      failures.set(id, { count, at: now(), notBefore: now() + wait, error });
    },
    succeeded: failures.delete,
    failedLately: (id) => now() - (failures.get(id)?.at ?? -Infinity) < LATELY_MS,
    renewed: (id, accepted) => {
      if (accepted) useless.delete(id);
      else useless.set(id, { count: (useless.get(id)?.count ?? 0) + 1, at: now() });
    },
    mayForce: (id) => {
      const last = useless.get(id);
      return last === undefined || now() - last.at >= waitAfter(last.count);
    },
  };
}

function waitAfter(count: number): number {
  return count === 1 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (count - 2));
}

function retryAfterOf(error: unknown): number {
  const asked = error instanceof TokenEndpointError ? (error.retryAfterMs ?? 0) : 0;
  return Math.min(asked, LONGEST_RETRY_AFTER_MS);
}

/** The same failure, saying how long is left. */
function repeated(error: unknown, retryAfterMs: number): unknown {
  if (!(error instanceof TokenEndpointError)) return error;
  return new TokenEndpointError(error.code, { status: error.status, retryAfterMs });
}
