import { setTimeout as wait } from 'node:timers/promises';
import type { Cipher } from './cipher.js';
import { TokenRejectedError } from './errors.js';
import { createEarlyRefresh } from './early-refresh.js';
import { type Wish, createFinder } from './finder.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
import { createInFlight } from './in-flight.js';
import type { Journal } from './journal.js';
import type { Lock } from './lock.js';
import { createPairSaver } from './pair-saver.js';
import { type RedeemerDeps, createRedeemer } from './redeemer.js';
import { createRefreshBackoff } from './refresh-backoff.js';
import type { RefreshFailures } from './refresh-failures.js';
import { type Flight, createRefreshFlights } from './refresh-flights.js';
import { freshness } from './refresh-policy.js';
import { type RefreshMeasures, UNMEASURED } from './refresh-measures.js';
import { createRenewal } from './renewal.js';
import { watchStore } from './store-trouble.js';
import { createRetirement } from './superseded.js';
import { createUnsavedPairs } from './unsaved-pairs.js';
import { usable } from './usable.js';
import { createUselessRenewals } from './useless-renewals.js';

/** A look at a grant that was begun before it was certain that anybody needs it. */
export interface ReadAhead {
  readonly key: GrantKey;
  /** As `Vault.read` answers. */
  readonly grant: Promise<Grant | undefined>;
}

/** Hands out grants whose access token works, refreshing them where it does not. */
export interface TokenRefresher {
  /**
   * The grant of `key` with an access token that is good now.
   *
   * @param rejected the access token that Fullscript has just answered 401 to. A new one is fetched
   *   only if this one is still the stored one.
   * @throws GrantNotFoundError, NeedsReconnectError: only the user can help.
   * @throws TokenEndpointError, LockTimeoutError, StoreUnavailableError, OwnerChangedError: try
   *   again later; the grant is untouched.
   */
  readonly current: (key: GrantKey, rejected?: string) => Promise<Grant>;
  /**
   * Begins to read a grant, for `currentOf`. Whoever has begun need not go on.
   */
  readonly readAhead: (key: GrantKey) => ReadAhead;
  /**
   * What `current` answers, but its first look is the one that was begun. Only that: whatever comes of it,
   * a refresh under the lock reads again.
   *
   * @throws what `current` throws.
   */
  readonly currentOf: (ahead: ReadAhead) => Promise<Grant>;
  /**
   * The same for somebody who asks by hand after a refresh failed: passes the back-off once in each
   * wait, and renews a token that is good by the clock too, for something was wrong with it.
   *
   * @throws what `current` throws.
   */
  readonly tryAgain: (key: GrantKey) => Promise<Grant>;
  /**
   * A new access token in place of one that is good, because its user wishes so.
   *
   * @throws what `current` throws.
   */
  readonly renew: (key: GrantKey) => Promise<Grant>;
  /**
   * Tells what became of a token that was fetched because another one was rejected. While new tokens
   * are rejected like old ones, they are fetched less and less often.
   */
  readonly renewed: (key: GrantKey, accepted: boolean) => void;
  /** Tries to save the pairs that wait in the journal. */
  readonly replay: () => Promise<void>;
  /** How many pairs wait in the journal. */
  readonly waiting: () => number;
  /** Resolves when no refresh and no save is running any more; for shutdown. */
  readonly settled: () => Promise<void>;
}

/** How long a caller waits for another one's refresh: a slow token call plus a dead holder's lease. */
const DEFAULT_WAIT_MS = 30_000;

export interface TokenRefresherDeps extends RedeemerDeps {
  readonly lock: Lock;
  readonly failures: RefreshFailures;
  /** Where pairs wait that storage did not take; sealed with `cipher`. */
  readonly journal: Journal;
  readonly cipher: Cipher;
  readonly sleep?: (ms: number) => Promise<unknown>;
  readonly waitMs?: number;
  readonly measures?: RefreshMeasures | undefined;
  /** Milliseconds of a clock that is never set. */
  readonly elapsed?: () => number;
}

function byHand({ tokens }: Grant): Wish {
  return { byHand: true, rejected: tokens.accessToken.reveal() };
}

/**
 * Read, join, lock, read again, redeem, save, use (design decisions 5 and 6).
 *
 * No abort signal goes in anywhere: once the refresh token is sent, the answer must be saved,
 * whoever has stopped waiting for it.
 */
export function createTokenRefresher(deps: TokenRefresherDeps): TokenRefresher {
  const { now, waitMs = DEFAULT_WAIT_MS } = deps;
  const { backoff, saver, useless, renew, look, read, settled } = createParts(deps);
  const flights = createRefreshFlights();
  // A try by hand must not share the fate of one that the back-off turns away.
  const byHandFlights = createRefreshFlights();

  function join(grant: Grant, { early = false, byHand: asked = false }: Wish): Flight {
    const start = () => renew({ grant, byHand: asked, waitMs: early ? 0 : waitMs });
    return (asked ? byHandFlights : flights).join(grant.key, { early, renew: start });
  }

  const joinEarly = (grant: Grant) => join(grant, { early: true });
  const refreshEarly = createEarlyRefresh({ ...deps, flights }, joinEarly);
  const find = createFinder({ now, read, join, refreshEarly });

  return {
    current: (key, rejected) => find(key, { rejected }),
    readAhead: (key) => begin(key, look(key)),
    currentOf: (ahead) => find(ahead.key, { ahead }),
    tryAgain: async (key) => {
      const grant = await read(key);
      return find(key, (await backoff.hasFailed(grant)) ? byHand(grant) : {});
    },
    renew: async (key) => find(key, byHand(await read(key))),
    renewed: (key, accepted) => useless.renewed(grantId(key), accepted),
    replay: saver.replayAll,
    waiting: saver.waiting,
    settled: () => Promise.all([flights.settled(), byHandFlights.settled()]).then(() => settled()),
  };
}

/** A look that fails is told to whoever goes on with it, and to nobody else. */
function begin(key: GrantKey, grant: ReadAhead['grant']): ReadAhead {
  grant.catch(() => undefined);
  return { key, grant };
}

function createParts(deps: TokenRefresherDeps) {
  const { sleep = wait, now, elapsed = () => performance.now(), measures = UNMEASURED } = deps;
  const { vault, hadTrouble } = watchStore({ vault: deps.vault, elapsed });
  const retirement = createRetirement(deps);
  const useless = createUselessRenewals({ elapsed });
  const unsaved = createUnsavedPairs(deps);
  const saver = createPairSaver({ ...deps, vault, sleep, unsaved, measures });
  /** What the journal keeps is newer than what storage holds. */
  const read = async (key: GrantKey, begun?: ReadAhead['grant']) =>
    usable((await saver.replay(key)) ?? (await (begun ?? vault.read(key))));
  const { save, recall } = saver;
  const redeem = createRedeemer({
    ...{ ...deps, vault, sleep, retirement },
    ...{ save, recall, hadTrouble },
  });
  const background = createInFlight();
  const backoff = createRefreshBackoff({ ...deps, onHeldOff: measures.heldOff });
  const renew = createRenewal({
    ...{ lock: deps.lock, backoff, read, now, measures },
    redeem: async (grant) => {
      const goodByTheClock = freshness(grant.tokens, { now: now() }) === 'fresh';
      const pointless = goodByTheClock && !useless.mayRenew(grantId(grant.key));
      if (pointless) throw new TokenRejectedError();
      return redeem(grant);
    },
    lingering: saver.lingering,
    track: background.track,
  });
  const settled = () => background.settled().then(retirement.settled);
  return { backoff, saver, useless, renew, look: vault.read, read, settled };
}
