import { LockTimeoutError } from './errors.js';
import type { Grant, GrantKey } from './grant.js';
import { type Flight, landed } from './refresh-flights.js';
import { freshness } from './refresh-policy.js';

/** How somebody comes to want a refresh. */
export interface Wish {
  /** A look that was begun already. */
  readonly ahead?: { readonly grant: Promise<Grant | undefined> };
  readonly early?: boolean;
  readonly byHand?: boolean;
  /** The access token that Fullscript has answered 401 to. */
  readonly rejected?: string | undefined;
}

export interface FinderDeps {
  readonly now: () => number;
  /** @throws when the grant is not there or cannot be used. */
  readonly read: (key: GrantKey, begun?: Promise<Grant | undefined>) => Promise<Grant>;
  /** The refresh of a grant that is under way in this process. */
  readonly running: (key: GrantKey) => Flight | undefined;
  /** Joins it, or starts one. */
  readonly join: (grant: Grant, wish: Wish) => Flight;
  readonly refreshEarly: (grant: Grant) => void;
}

/** Each round means that another process wrote meanwhile; more than a few of those is no progress. */
const ROUNDS = 4;

/**
 * Finds a grant whose access token is good, by a look at what is stored, or by the refresh that its token needs.
 *
 * @throws what `read` throws and what a refresh fails with.
 */
export function createFinder(deps: FinderDeps) {
  const { now, read, running, join, refreshEarly } = deps;

  /**
   * What the refresh brings that runs already. Calls are rejected by the hundred when a token was ended
   * early: each would read the grant to learn no more than that.
   */
  async function awaitRunning(key: GrantKey, wish: Wish): Promise<Grant | undefined> {
    if (wish.rejected === undefined || wish.byHand) return undefined;
    const flight = running(key);
    // The token that is replaced early may be good, and news to this caller.
    if (flight === undefined || flight.early) return undefined;
    return whenGood(await flight.result, wish);
  }

  const whenGood = (grant: Grant | undefined, { rejected }: Wish) =>
    grant && freshness(grant.tokens, { now: now(), rejected }) !== 'expired' ? grant : undefined;

  return async function find(key: GrantKey, wish: Wish): Promise<Grant> {
    const brought = await awaitRunning(key, wish);
    if (brought) return brought;
    for (let round = 0; round < ROUNDS; round += 1) {
      const grant = await read(key, round === 0 ? wish.ahead?.grant : undefined);
      const state = freshness(grant.tokens, { now: now(), rejected: wish.rejected });
      if (state === 'early') refreshEarly(grant);
      if (state !== 'expired') return grant;
      const renewed = whenGood(await landed(join(grant, wish)), wish);
      if (renewed) return renewed;
    }
    throw new LockTimeoutError();
  };
}
