import type { Secret } from '../oauth/secret.js';
import { LockTimeoutError } from './errors.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
import type { InFlight } from './in-flight.js';
import type { Lock } from './lock.js';
import type { PairSaver } from './pair-saver.js';
import type { Attempt, RefreshBackoff } from './refresh-backoff.js';
import type { RefreshMeasures } from './refresh-measures.js';
import { freshness } from './refresh-policy.js';

/** One refresh that somebody asks for. */
export interface RenewalRequest {
  /** As it was when its access token was found to be no good any more. */
  readonly grant: Grant;
  readonly byHand: boolean;
  /** How long to wait for the lock. */
  readonly waitMs: number;
}

export interface RenewalDeps {
  readonly lock: Lock;
  readonly backoff: RefreshBackoff;
  readonly read: (key: GrantKey) => Promise<Grant>;
  readonly redeem: (grant: Grant) => Promise<Grant>;
  readonly lingering: PairSaver['lingering'];
  readonly track: InFlight['track'];
  readonly measures: Pick<RefreshMeasures, 'lockWaited'>;
  readonly now: () => number;
}

/**
 * Renews under the lock whatever is still due there, within the back-off. The answer is given as soon
 * as it is known; what else has to be done under the lock (writing a failure down, saves that the store
 * did not take at once, the release) keeps nobody waiting.
 */
export function createRenewal(deps: RenewalDeps): (request: RenewalRequest) => Promise<Grant> {
  const { backoff, track } = deps;
  return async (request) => {
    const { grant, byHand } = request;
    const attempt = await backoff.begin(grant, byHand);
    return new Promise((resolve, reject) => {
      const work = () => renewDue(deps, { request, attempt, resolve, reject });
      // Once there is an answer this changes nothing: a release that failed ends with its lease.
      track(underLock(deps, request, work)).catch(reject);
    });
  };
}

/** Who would not wait anyway has not waited: the work is being done. */
async function underLock(
  { lock, measures }: RenewalDeps,
  { grant, waitMs }: RenewalRequest,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await lock.run(grantId(grant.key), waitMs, (waitedMs) => {
      if (waitedMs > 0) measures.lockWaited(waitedMs, 'acquired');
      return work();
    });
  } catch (error) {
    if (error instanceof LockTimeoutError && waitMs > 0) measures.lockWaited(waitMs, 'timed_out');
    throw error;
  }
}

interface Renewal {
  readonly request: RenewalRequest;
  readonly attempt: Attempt;
  readonly resolve: (grant: Grant) => void;
  readonly reject: (error: unknown) => void;
}

async function renewDue(deps: RenewalDeps, renewal: Renewal): Promise<void> {
  const { read, backoff, redeem, lingering, now } = deps;
  const { resolve, reject } = renewal;
  const { key, tokens } = renewal.request.grant;
  let attempt: Attempt | undefined;
  try {
    // Begun together; who finds that nothing is due does not ask what came of it.
    const looking = backoff.look(key);
    looking.catch(ignore);
    const latest = await read(key);
    const due = isDue(latest, { stale: tokens.accessToken, now: now() });
    if (due) attempt = backoff.goOn(renewal.attempt, { latest, failure: await looking });
    resolve(due ? await redeem(latest) : latest);
  } catch (error) {
    reject(error);
    if (attempt !== undefined) await backoff.failed(attempt, error);
  }
  await lingering(key);
}

/** A refresh is due while the token that brought us here is stored, or what is stored is dead. */
function isDue({ tokens }: Grant, { stale, now }: { stale: Secret; now: number }): boolean {
  const unchanged = tokens.accessToken.reveal() === stale.reveal();
  return unchanged || freshness(tokens, { now }) === 'expired';
}

function ignore(): void {
  // See the caller.
}
