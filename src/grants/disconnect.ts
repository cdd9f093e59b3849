import type { Registration, RegistrationId } from '../oauth/registration.js';
import type { TokenEndpoint } from '../oauth/token-endpoint.js';
import { SealError } from './errors.js';
import { type Grant, type GrantKey, grantId } from './grant.js';
import type { GrantEvents } from './grant-events.js';
import type { Lock } from './lock.js';
import { revokePair } from './revoke-pair.js';
import type { Vault } from './vault.js';

/** How long a disconnect waits for a refresh that is running. */
const WAIT_MS = 30_000;

/**
 * Ends a grant: both tokens are revoked at Fullscript, then the record goes, whatever the answers
 * were. The lock keeps a refresh from making a new pair meanwhile; the order means that a crash
 * half-way leaves a record to disconnect again rather than a living pair that nobody knows.
 *
 * @returns whether Fullscript confirmed. False: the record is gone, but the user should also remove
 *   the connection in Fullscript.
 */
export function createDisconnect(deps: {
  vault: Vault;
  lock: Lock;
  tokenEndpoint: TokenEndpoint;
  registration: (id: RegistrationId) => Registration;
  events: GrantEvents;
}): (key: GrantKey) => Promise<boolean> {
  const { vault, lock, events } = deps;

  return (key) =>
    lock.run(grantId(key), WAIT_MS, async () => {
      const grant = await readIfOpenable(vault, key);
      const revoked = grant !== undefined && (await revokePair(deps, grant));
      await vault.remove(key);
      events.disconnected(key, revoked);
      return revoked;
    });
}

/** A record nobody can open any more must not be one that nobody can get rid of. */
async function readIfOpenable(vault: Vault, key: GrantKey): Promise<Grant | undefined> {
  try {
    return await vault.read(key);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}
