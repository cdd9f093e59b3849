import type { Secret } from '../oauth/secret.js';
import type { CustodyDeps } from './custody-deps.js';
import type { Grant } from './grant.js';
import { revokeEach } from './revoke-pair.js';
import type { Vault } from './vault.js';

/** More sign-ins than this between two refreshes: the oldest are forgotten and lapse by themselves. */
const MOST_KEPT = 10;

/**
 * What a new sign-in has to remember of the grant it replaces. Its pair is not revoked at once:
 * other tabs may have calls in flight with it.
 */
export function supersededBy(
  refreshToken: Secret | undefined,
  previous: Grant | undefined,
): readonly Secret[] {
  if (previous === undefined) return [];
  const { tokens, superseded } = previous;
  const all = tokens.refreshToken === undefined ? superseded : [...superseded, tokens.refreshToken];
  // A server that hands the same pair out again has nothing superseded.
  return all.filter((one) => one.reveal() !== refreshToken?.reveal()).slice(-MOST_KEPT);
}

/** Revokes what earlier sign-ins left behind, once a refresh has shown that nobody uses it any more. */
export interface Retirement {
  /** Starts in the background; what Fullscript does not confirm is kept for the next time. */
  readonly start: (grant: Grant) => void;
  /** Resolves when none is running; for shutdown. */
  readonly settled: () => Promise<void>;
}

export function createRetirement(deps: CustodyDeps & { vault: Vault }): Retirement {
  const running = new Set<Promise<void>>();

  async function retire(grant: Grant): Promise<void> {
    const superseded = await revokeEach(deps, grant.key, grant.superseded);
    // Lost to a newer version, or to the store: then the next refresh revokes once more.
    await deps.vault.write({ ...grant, superseded }, grant.version).catch(() => undefined);
  }

  return {
    start: (grant) => {
      if (grant.superseded.length === 0) return;
      const task: Promise<void> = retire(grant).finally(() => running.delete(task));
      running.add(task);
    },
    settled: async () => {
      await Promise.allSettled([...running]);
    },
  };
}
