import { SealError } from './errors.js';
import type { CustodyDeps } from './custody-deps.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
import type { Lock } from './lock.js';
import { revokeEach, revokePair } from './revoke-pair.js';
import type { Vault } from './vault.js';

/** How long a disconnect waits for a refresh that is running. */
const WAIT_MS = 30_000;

/**
 * Ends a grant: its pair, and what earlier sign-ins left, is revoked at Fullscript, then the record
 * goes, whatever the answers were. The lock keeps a refresh from making a new pair meanwhile; the
 * order means that a crash half-way leaves a record to disconnect again rather than a living pair that
 * nobody knows.
 *
 * @returns whether nothing of it is alive at Fullscript. False: the record is gone, but the user
 *   should also remove the connection there.
 */
export function createDisconnect(
  deps: CustodyDeps & { vault: Vault; lock: Lock },
): (key: GrantKey) => Promise<boolean> {
  const { vault, lock, events } = deps;

  async function revokeStored(key: GrantKey): Promise<boolean> {
    try {
      const grant = await vault.read(key);
      return grant === undefined || (await revokeAll(deps, grant));
    } catch (error) {
      // A record nobody can open any more must not be one that nobody can get rid of.
      if (error instanceof SealError) return false;
      throw error;
    }
  }

  return (key) =>
    lock.run(grantId(key), WAIT_MS, async () => {
      const revoked = await revokeStored(key);
      await vault.remove(key);
      events.disconnected(key, revoked);
      return revoked;
    });
}

async function revokeAll(deps: CustodyDeps, { key, tokens, superseded }: Grant): Promise<boolean> {
  const [pairGone, refused] = await Promise.all([
    revokePair(deps, key.registration, tokens),
    revokeEach(deps, key.registration, superseded),
  ]);
  return pairGone && refused.length === 0;
}
