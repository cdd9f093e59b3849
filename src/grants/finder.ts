import { LockTimeoutError } from './errors.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
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
  /** Joins the refresh of a grant that is under way in this process, or starts one. */
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
  const { now, read, join, refreshEarly } = deps;

  const looks = new Map<string, Promise<Grant>>();

  /**
   * Calls are rejected by the hundred when a token was ended early, and one look serves all that come
   * meanwhile. It cannot bring them anything older than the token that they were sent with.
   */
  function look(key: GrantKey, { rejected, ahead }: Wish): Promise<Grant> {
    if (rejected === undefined) return read(key, ahead?.grant);
    const about = `${grantId(key)} ${rejected}`;
    const begun = looks.get(about);
    if (begun !== undefined) return begun;
    const looking = read(key).finally(() => looks.delete(about));
    looks.set(about, looking);
    return looking;
  }

  const whenGood = (grant: Grant | undefined, { rejected }: Wish) =>
    grant && freshness(grant.tokens, { now: now(), rejected }) !== 'expired' ? grant : undefined;

  return async function find(key: GrantKey, wish: Wish): Promise<Grant> {
    for (let round = 0; round < ROUNDS; round += 1) {
      const grant = await (round === 0 ? look(key, wish) : read(key));
      const state = freshness(grant.tokens, { now: now(), rejected: wish.rejected });
      if (state === 'early') refreshEarly(grant);
      if (state !== 'expired') return grant;
      const renewed = whenGood(await landed(join(grant, wish)), wish);
      if (renewed) return renewed;
    }
    throw new LockTimeoutError();
  };
}
