import { TokenEndpointError } from '../oauth/errors.js';
import { OwnerChangedError } from './errors.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
import type { RefreshFailure, RefreshFailures } from './refresh-failures.js';

/** One refresh, from the wish for it to its outcome. */
export interface Attempt {
  readonly grant: Refreshed;
  /** Somebody asked for it who knows that it failed before. */
  readonly byHand: boolean;
  /** The failure it follows on. */
  readonly last: RefreshFailure | undefined;
}

/** What of a grant matters here. */
export type Refreshed = Pick<Grant, 'key' | 'version'>;

export interface FoundUnderLock {
  readonly latest: Refreshed;
  readonly failure: Awaited<ReturnType<RefreshBackoff['look']>>;
}

/** Keeps refreshes that fail from being tried with every request, in all processes together. */
export interface RefreshBackoff {
  /**
   * Before the wait for the lock.
   *
   * @throws the failure of before, while it is too early to try again; StoreUnavailableError.
   */
  readonly begin: (grant: Refreshed, byHand: boolean) => Promise<Attempt>;
  /** Under the lock, for `goOn`: the last failure there is. @throws StoreUnavailableError */
  readonly look: (key: GrantKey) => ReturnType<RefreshFailures['read']>;
  /**
   * With what was found under the lock. Who waited while somebody else's attempt failed shares its outcome.
   *
   * @throws that failure.
   */
  readonly goOn: (attempt: Attempt, found: FoundUnderLock) => Attempt;
  /** Never fails: what the token endpoint said counts, not whether it could be written down. */
  readonly failed: (attempt: Attempt, error: unknown) => Promise<void>;
  /** Whether the last refresh of this grant failed. @throws StoreUnavailableError */
  readonly hasFailed: (grant: Refreshed) => Promise<boolean>;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const LONGEST_RETRY_AFTER_MS = 5 * 60_000;

/**
 * The first failure may be tried again at once, unless Fullscript says when to come back; from the
 * second on the wait doubles, from one second to a minute, with jitter. A try by hand passes once in
 * each wait: when it fails, the next one has to wait like everybody.
 *
 * @param deps.random between 0 and 1, for the jitter.
 */
export function createRefreshBackoff(deps: {
  failures: RefreshFailures;
  random?: () => number;
  /** Told of each refresh that is turned away. */
  onHeldOff?: () => void;
}): RefreshBackoff {
  const { failures, random = Math.random, onHeldOff } = deps;
  const look = (key: GrantKey) => failures.read(grantId(key));
  const lastOf = async (grant: Refreshed) => ofGrant(await look(grant.key), grant);
  return {
    hasFailed: async (grant) => (await lastOf(grant)) !== undefined,

    begin: async (grant, byHand) => {
      const last = await lastOf(grant);
      const passes = byHand && last?.byHand === false;
      if (last !== undefined && last.waitMs > 0 && !passes) {
        onHeldOff?.();
        throw failureOf(last, last.waitMs);
      }
      return { grant, byHand, last };
    },

    look,

    goOn: (attempt, { latest, failure }) => {
      const last = ofGrant(failure, latest);
      if (last !== undefined && last.count !== attempt.last?.count) {
        throw failureOf(last, last.waitMs);
      }
      return { ...attempt, grant: latest, last };
    },

    failed: async ({ grant: { key, version }, byHand, last }, error) => {
      const what = describe(error);
      if (what === undefined) return;
      const count = (last?.count ?? 0) + 1;
      const wait = Math.max(waitAfter(count) * (0.5 + random() / 2), retryAfterOf(error));
      await failures.keep(grantId(key), { ...what, version, count, byHand }, wait).catch(ignore);
    },
  };
}

/** A failure of an earlier token says nothing about this one. */
function ofGrant(failure: FoundUnderLock['failure'], { version }: Refreshed) {
  return failure?.version === version ? failure : undefined;
}

/** Milliseconds to wait after so many failures in a row. */
export function waitAfter(count: number): number {
  return count <= 1 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (count - 2));
}

/** What of an error is shared. Whatever is not about the token endpoint says nothing about the next try. */
function describe(error: unknown): Pick<RefreshFailure, 'code' | 'status'> | undefined {
  if (error instanceof TokenEndpointError) return { code: error.code, status: error.status };
  return error instanceof OwnerChangedError ? { code: error.code, status: undefined } : undefined;
}

function retryAfterOf(error: unknown): number {
  const asked = error instanceof TokenEndpointError ? (error.retryAfterMs ?? 0) : 0;
  return Math.min(asked, LONGEST_RETRY_AFTER_MS);
}

/** The same failure, saying how long is left. */
function failureOf({ code, status }: RefreshFailure, waitMs: number): Error {
  if (code === 'resource_owner_changed') return new OwnerChangedError();
  return new TokenEndpointError(code, { status, ...(waitMs > 0 && { retryAfterMs: waitMs }) });
}

function ignore(): void {
  // The failure goes unshared.
}
