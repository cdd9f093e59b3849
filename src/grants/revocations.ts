import { randomUUID } from 'node:crypto';
import { TokenEndpointError } from '../oauth/errors.js';
import { type Secret, sameSecret } from '../oauth/secret.js';
import type { Cipher } from './cipher.js';
import { SealError } from './errors.js';
import { createInFlight } from './in-flight.js';
import {
  type PendingRevocation,
  type Revocation,
  openRevocation,
  sealRevocation,
} from './revocation-codec.js';
import type {
  QueuedRevocation,
  Redelivery,
  RevocationHandler,
  RevocationQueue,
} from './revocation-queue.js';
import { handBackIn, retryIn } from './revocation-retry.js';
import { type RevokeDeps, revokeInOrder, tokensOf } from './revoke-token.js';
import { type Vault, readIfOpenable } from './vault.js';

/** Ends tokens at Fullscript, tried for a day. */
export interface Revocations {
  /**
   * Queues a revocation. From here on it is seen through, whatever happens to this process.
   *
   * @throws StoreUnavailableError
   */
  readonly add: (revocation: Revocation) => Promise<QueuedAttempt>;
  /**
   * Tries at once, and queues what was not confirmed as far as the store takes it.
   *
   * @returns whether Fullscript confirmed everything. Never rejects.
   */
  readonly revoke: (revocation: Revocation) => Promise<boolean>;
  /** What the queue delivers to. */
  readonly handle: RevocationHandler;
  /** Resolves when no attempt is under way that was made outside the queue; for shutdown. */
  readonly settled: () => Promise<void>;
}

export interface QueuedAttempt {
  /**
   * The first attempt, here and now.
   *
   * @returns whether Fullscript confirmed everything. If not, the queue goes on. Never rejects.
   */
  readonly attempt: () => Promise<boolean>;
}

export interface RevocationsDeps extends RevokeDeps {
  readonly queue: RevocationQueue;
  readonly cipher: Cipher;
  readonly vault: Pick<Vault, 'read'>;
  readonly now: () => number;
  /** Between 0 and 1, for the jitter. */
  readonly random?: () => number;
  /** Between the first attempt and the second. */
  readonly firstWaitMs?: number | undefined;
}

/** The queue leaves the first attempt to the process that adds, for this long. */
const HEAD_START_MS = 10_000;

export function createRevocations(deps: RevocationsDeps): Revocations {
  const { queue, cipher, now } = deps;
  const { track, settled } = createInFlight();
  const asPending = (one: Revocation) => ({ ...one, addedAt: now(), attempts: 0 });
  const seal = (pending: PendingRevocation) => sealRevocation(cipher, randomUUID(), pending);

  /** The rest goes in as a new entry before the old one goes: at worst both are delivered. */
  async function attemptNow(pending: PendingRevocation, queuedAs?: string): Promise<boolean> {
    const again = await attempt(deps, pending);
    try {
      if (again !== undefined) await queue.add(seal(again.rest), again.inMs);
      if (queuedAs !== undefined) await queue.remove(queuedAs);
    } catch (error) {
      // What is queued already is tried again as it was.
      if (again !== undefined) deps.events.revokeFailed(pending.registration, error);
    }
    return again === undefined;
  }

  return {
    settled,
    revoke: (revocation) => track(attemptNow(asPending(revocation))),
    add: async (revocation) => {
      const pending = asPending(revocation);
      const entry = seal(pending);
      await queue.add(entry, HEAD_START_MS);
      return { attempt: () => track(attemptNow(pending, entry.id)) };
    },
    handle: async (entry) => {
      const pending = openOrError(cipher, entry);
      if (pending instanceof SealError) return handBack(deps, entry, pending);
      const again = await attempt(deps, await withoutLiving(deps, pending));
      if (again === undefined) return undefined;
      const { sealed } = sealRevocation(cipher, entry.id, again.rest);
      return { sealed, inMs: again.inMs };
    },
  };
}

/** @returns what is left to be tried and when; undefined when it is done, or given up. */
async function attempt(
  deps: RevocationsDeps,
  pending: PendingRevocation,
): Promise<{ rest: PendingRevocation; inMs: number } | undefined> {
  const { events, now, random = Math.random, firstWaitMs } = deps;
  const { left, error } = await revokeInOrder(deps, pending.registration, pending.tokens);
  if (left.length === 0) {
    if (pending.attempts > 0) events.revocationConfirmed(pending);
    return undefined;
  }
  const rest = { ...pending, tokens: left, attempts: pending.attempts + 1 };
  const retryAfterMs = error instanceof TokenEndpointError ? error.retryAfterMs : undefined;
  const inMs = retryIn({ ...rest, now: now(), random: random(), retryAfterMs, firstWaitMs });
  if (inMs !== undefined) return { rest, inMs };
  events.revocationGivenUp(pending, error);
  return undefined;
}

/**
 * Without tokens that a later consent uses again: a server may hand the same pair out when the user
 * comes back while its revocation still waits.
 */
async function withoutLiving(
  { vault }: RevocationsDeps,
  pending: PendingRevocation,
): Promise<PendingRevocation> {
  const { registration, owner, connectedAt, tokens } = pending;
  const grant = owner && (await readIfOpenable(vault, { registration, owner }));
  // The same consent: its disconnect was cut off before the record went.
  if (grant === undefined || grant.connectedAt === connectedAt) return pending;
  const living = tokensOf(grant.tokens);
  const isLiving = (token: Secret) => living.some((one) => sameSecret(one, token));
  return { ...pending, tokens: tokens.filter((token) => !isLiving(token)) };
}

function openOrError(cipher: Cipher, entry: QueuedRevocation): PendingRevocation | SealError {
  try {
    return openRevocation(cipher, entry);
  } catch (error) {
    if (error instanceof SealError) return error;
    throw error;
  }
}

/**
 * Another process may have the key: while keys are rotated not all have the same. And one that was removed too
 * early may be put back within the day.
 */
function handBack(
  { events, now }: RevocationsDeps,
  { addedAt, sealed }: QueuedRevocation,
  error: SealError,
): Redelivery | undefined {
  const inMs = handBackIn({ addedAt, now: now() });
  if (inMs === undefined) events.revocationGivenUp(undefined, error);
  else events.revokeFailed(undefined, error);
  return inMs === undefined ? undefined : { sealed, inMs };
}
