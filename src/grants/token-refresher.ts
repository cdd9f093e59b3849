import { setTimeout as wait } from 'node:timers/promises';
import type { Cipher } from './cipher.js';
import {
  GrantNotFoundError,
  LockTimeoutError,
  NeedsReconnectError,
  TokenRejectedError,
} from './errors.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
import type { Journal } from './journal.js';
import type { Lock } from './lock.js';
import { createPairSaver } from './pair-saver.js';
import { type RedeemerDeps, createRedeemer } from './redeemer.js';
import {
  type Flight,
  type RefreshFlights,
  createRefreshFlights,
  landed,
} from './refresh-flights.js';
import { type RefreshBackoff, createRefreshBackoff } from './refresh-backoff.js';
import { freshness } from './refresh-policy.js';
import { createRetirement } from './superseded.js';
import { createUnsavedPairs } from './unsaved-pairs.js';
import { usable } from './usable.js';

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
   * Tells what became of a token that was fetched because another one was rejected. While new tokens
   * are rejected like old ones, they are fetched less and less often.
   */
  readonly renewed: (key: GrantKey, accepted: boolean) => void;
  /** Tries to save the pairs that wait in the journal. */
  readonly replay: () => Promise<void>;
  /** How many pairs wait in the journal. */
  readonly waiting: () => number;
  /** Resolves when no refresh is running any more; for shutdown. */
  readonly settled: () => Promise<void>;
}

/** How long a caller waits for another one's refresh: a slow token call plus a dead holder's lease. */
const DEFAULT_WAIT_MS = 30_000;
/** Each round means that another process wrote meanwhile; more than a few of those is no progress. */
const ROUNDS = 4;

export interface TokenRefresherDeps extends RedeemerDeps {
  readonly lock: Lock;
  /** Where pairs wait that storage did not take; sealed with `cipher`. */
  readonly journal: Journal;
  readonly cipher: Cipher;
  readonly sleep?: (ms: number) => Promise<unknown>;
  readonly waitMs?: number;
}

/**
 * Read, join, lock, read again, redeem, save, use (design decisions 5 and 6).
 *
 * No abort signal goes in anywhere: once the refresh token is sent, the answer must be saved,
 * whoever has stopped waiting for it.
 */
export function createTokenRefresher(deps: TokenRefresherDeps): TokenRefresher {
  const { lock, now, waitMs = DEFAULT_WAIT_MS } = deps;
  const { flights, retirement, backoff, saver, redeem, read } = createParts(deps);

  function join(grant: Grant, early: boolean): Flight {
    const { key } = grant;
    const stale = grant.tokens.accessToken.reveal();
    const renew = async () => {
      backoff.check(grantId(key));
      return lock.run(grantId(key), early ? 0 : waitMs, async () => {
        const latest = await read(key);
        return isDue(latest, stale, now()) ? redeem(latest) : latest;
      });
    };
    return flights.join(key, { early, renew });
  }

  const refreshEarly = createEarlyRefresh({ ...deps, flights, backoff }, (grant) =>
    join(grant, true),
  );

  return {
    renewed: (key, accepted) => backoff.renewed(grantId(key), accepted),
    replay: saver.replayAll,
    waiting: saver.waiting,
    settled: () => flights.settled().then(retirement.settled),
    current: async (key, rejected) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const grant = await read(key);
        const state = freshness(grant.tokens, { now: now(), rejected });
        if (state === 'early') refreshEarly(grant);
        if (state !== 'expired') return grant;
        const renewed = await landed(join(grant, false));
        if (renewed && freshness(renewed.tokens, { now: now(), rejected }) !== 'expired') {
          return renewed;
        }
      }
      throw new LockTimeoutError();
    },
  };
}

function createParts(deps: TokenRefresherDeps) {
  const { vault, now, sleep = wait } = deps;
  const flights = createRefreshFlights();
  const retirement = createRetirement(deps);
  const backoff = createRefreshBackoff(deps);
  const saver = createPairSaver({ ...deps, sleep, unsaved: createUnsavedPairs(deps) });
  const redeemer = createRedeemer({ ...deps, retirement, save: saver.save });
  const redeem = withinLimits(redeemer, backoff, now);
  /** What the journal keeps is newer than what storage holds. */
  const read = async (key: GrantKey) =>
    usable((await saver.replay(key)) ?? (await vault.read(key)));
  return { flights, retirement, backoff, saver, redeem, read };
}

/** Redeems, and keeps count of what did not work or did not help. */
function withinLimits(
  redeem: (grant: Grant) => Promise<Grant>,
  backoff: RefreshBackoff,
  now: () => number,
): (grant: Grant) => Promise<Grant> {
  return async (grant) => {
    const id = grantId(grant.key);
    const goodByTheClock = freshness(grant.tokens, { now: now() }) === 'fresh';
    if (goodByTheClock && !backoff.mayForce(id)) throw new TokenRejectedError();
    try {
      const renewed = await redeem(grant);
      backoff.succeeded(id);
      return renewed;
    } catch (error) {
      const ended = error instanceof NeedsReconnectError || error instanceof GrantNotFoundError;
      if (!ended) backoff.failed(id, error);
      throw error;
    }
  };
}

/** Refreshes behind the caller's back while the token is still valid; a failure only costs a pause. */
function createEarlyRefresh(
  deps: Pick<TokenRefresherDeps, 'events'> & { flights: RefreshFlights; backoff: RefreshBackoff },
  start: (grant: Grant) => Flight,
): (grant: Grant) => void {
  const { events, flights, backoff } = deps;
  return (grant) => {
    if (flights.has(grant.key) || backoff.failedLately(grantId(grant.key))) return;
    landed(start(grant)).catch((error: unknown) => {
      events.earlyRefreshFailed(grant.key, error);
    });
  };
}

/** A refresh is due while the token that brought us here is stored, or what is stored is dead. */
function isDue(latest: Grant, stale: string, now: number): boolean {
  const { tokens } = latest;
  return tokens.accessToken.reveal() === stale || freshness(tokens, { now }) === 'expired';
}
