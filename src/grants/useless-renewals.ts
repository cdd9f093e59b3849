import { createBoundedMap } from './bounded-map.js';
import { waitAfter } from './refresh-backoff.js';

/**
 * Keeps tokens that are good by the clock from being renewed again and again. An account that answers
 * 401 whatever the token would otherwise cost a refresh a request.
 */
export interface UselessRenewals {
  /** Tells whether a token that was fetched because another was rejected got through. */
  readonly renewed: (id: string, accepted: boolean) => void;
  readonly mayRenew: (id: string) => boolean;
}

const GRANTS_REMEMBERED = 10_000;

/**
 * One process's view: each of them finds out for itself.
 *
 * @param deps.elapsed milliseconds of a clock that is never set.
 */
export function createUselessRenewals(deps: { elapsed: () => number }): UselessRenewals {
  const { elapsed } = deps;
  const useless = createBoundedMap<{ count: number; at: number }>(GRANTS_REMEMBERED);
  return {
    renewed: (id, accepted) => {
      if (accepted) useless.delete(id);
      else useless.set(id, { count: (useless.get(id)?.count ?? 0) + 1, at: elapsed() });
    },
    mayRenew: (id) => {
      const last = useless.get(id);
      return last === undefined || elapsed() - last.at >= waitAfter(last.count);
    },
  };
}
