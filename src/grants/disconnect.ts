import type { CustodyDeps } from './custody-deps.js';
import { LockTimeoutError, SealError } from './errors.js';
import type { DisconnectOutcome } from './grant-events.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
import type { Lock } from './lock.js';
import { atMost } from './patience.js';
import type { QueuedAttempt } from './revocations.js';
import { tokensOf } from './revoke-token.js';
import type { Vault } from './vault.js';

/** How long a disconnect waits for a refresh that is running. */
const LOCK_WAIT_MS = 30_000;
/** How long somebody waits to hear whether Fullscript confirmed it. */
const CONFIRMATION_WAIT_MS = 5_000;

export interface DisconnectDeps extends Pick<CustodyDeps, 'revocations' | 'events'> {
  readonly vault: Vault;
  readonly lock: Lock;
  readonly confirmationWaitMs?: number;
}

/** A sign-in takes no lock; each one that comes between means another round. */
const ROUNDS = 10;

/**
 * Ends a grant: the revocation of its pair, and of what earlier sign-ins left, is queued, then the
 * record goes, if it is still that grant, then the first attempt is made. The lock keeps a refresh from
 * making a new pair meanwhile. After a crash between queue and record the tokens are revoked all the
 * same, and the record ends as *needs reconnect*.
 *
 * @throws StoreUnavailableError, LockTimeoutError: the grant is still there, to be disconnected again.
 */
export function createDisconnect(
  deps: DisconnectDeps,
): (key: GrantKey) => Promise<DisconnectOutcome> {
  const { vault, lock, revocations, events } = deps;
  const { confirmationWaitMs = CONFIRMATION_WAIT_MS } = deps;

  async function endStored(key: GrantKey): Promise<QueuedAttempt | DisconnectOutcome> {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const grant = await readOrSealError(vault, key);
      if (grant === undefined) return 'revoked';
      if (grant instanceof SealError) {
        // A record nobody can open any more must not be one that nobody can get rid of.
        await vault.remove(key);
        return 'unreadable';
      }
      const { connectedAt, version } = grant;
      const tokens = [...tokensOf(grant.tokens), ...grant.superseded];
      const queued = await revocations.add({ ...key, connectedAt, tokens });
      if (await vault.remove(key, version)) return queued;
    }
    throw new LockTimeoutError();
  }

  return async (key) => {
    const queued = await lock.run(grantId(key), LOCK_WAIT_MS, () => endStored(key));
    const outcome =
      typeof queued === 'string' ? queued : await firstAttempt(queued, confirmationWaitMs);
    events.disconnected(key, outcome);
    return outcome;
  };
}

async function readOrSealError(
  vault: Vault,
  key: GrantKey,
): Promise<Grant | SealError | undefined> {
  try {
    return await vault.read(key);
  } catch (error) {
    if (error instanceof SealError) return error;
    throw error;
  }
}

/** The attempt goes on when nobody waits for it any more. */
async function firstAttempt({ attempt }: QueuedAttempt, waitMs: number) {
  const confirmed = await atMost(waitMs, attempt());
  return confirmed === true ? 'revoked' : 'retrying';
}
