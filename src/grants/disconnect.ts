import type { CustodyDeps } from './custody-deps.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
import type { Lock } from './lock.js';
import { revokeEach, revokePair } from './revoke-pair.js';
import { type Vault, readIfOpenable } from './vault.js';

/** How long a disconnect waits for a refresh that is running. */
const WAIT_MS = 30_000;

/**
 * Ends a grant: both tokens, and what earlier sign-ins left, are revoked at Fullscript, then the record goes, whatever the answers
 * were. The lock keeps a refresh from making a new pair meanwhile; the order means that a crash
 * half-way leaves a record to disconnect again rather than a living pair that nobody knows.
 *
 * @returns whether Fullscript confirmed. False: the record is gone, but the user should also remove
 *   the connection in Fullscript.
 */
export function createDisconnect(
  deps: CustodyDeps & { vault: Vault; lock: Lock },
): (key: GrantKey) => Promise<boolean> {
  const { vault, lock, events } = deps;

  return (key) =>
    lock.run(grantId(key), WAIT_MS, async () => {
      const grant = await readIfOpenable(vault, key);
      const revoked = grant !== undefined && (await revokeAll(deps, grant));
      await vault.remove(key);
      events.disconnected(key, revoked);
      return revoked;
    });
}

/** The pair in use first: it is the one that matters should the process end half-way. */
async function revokeAll(deps: CustodyDeps, grant: Grant): Promise<boolean> {
  const pairGone = await revokePair(deps, grant);
  const refused = await revokeEach(deps, grant.key, grant.superseded);
  return pairGone && refused.length === 0;
}
