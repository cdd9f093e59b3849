import type { Secret } from '../oauth/secret.js';
import type { CustodyDeps } from './custody-deps.js';
import type { Grant } from './grant.js';
import { type InFlight, createInFlight } from './in-flight.js';
import { revokeEach } from './revoke-pair.js';
import type { Vault } from './vault.js';

/** What a grant remembers; tokens beyond it are revoked without waiting. */
const MOST_KEPT = 10;
/** Calls that were in flight with a pair are over so long after it was replaced. */
const IN_FLIGHT_MS = 60_000;

export interface Superseded {
  /** Refresh tokens that the new grant remembers. */
  readonly kept: readonly Secret[];
  /** Those whose pairs nobody uses any more. */
  readonly due: readonly Secret[];
}

/**
 * What a new sign-in makes of the grant it replaces. The pair just replaced is not revoked yet: other
 * tabs may have calls in flight with it. Those replaced by earlier sign-ins are due.
 */
export function supersededBy(
  refreshToken: Secret | undefined,
  previous: Grant | undefined,
  now: number,
): Superseded {
  if (previous === undefined) return { kept: [], due: [] };
  // A server that hands the same pair out again has nothing superseded.
  const others = (tokens: readonly Secret[]) =>
    tokens.filter((token) => token.reveal() !== refreshToken?.reveal());
  const replaced = others(previous.tokens.refreshToken ? [previous.tokens.refreshToken] : []);
  const earlier = others(previous.superseded);
  const all = [...earlier, ...replaced];
  const overdue = now - previous.connectedAt > IN_FLIGHT_MS ? earlier : all.slice(0, -MOST_KEPT);
  return { kept: all.slice(-MOST_KEPT), due: overdue };
}

/** Revokes what earlier sign-ins left behind. */
export interface Retirement {
  /**
   * Starts in the background. What Fullscript confirms is struck from the grant; the rest stays for
   * the next time.
   */
  readonly start: (grant: Grant, due: readonly Secret[]) => void;
  readonly settled: InFlight['settled'];
}

export function createRetirement(deps: CustodyDeps & { vault: Vault }): Retirement {
  const { track, settled } = createInFlight();

  async function retire(grant: Grant, due: readonly Secret[]): Promise<void> {
    const refused = await revokeEach(deps, grant.key.registration, due);
    const gone = new Set(due.filter((token) => !refused.includes(token)).map((t) => t.reveal()));
    const superseded = grant.superseded.filter((token) => !gone.has(token.reveal()));
    if (superseded.length === grant.superseded.length) return;
    // Lost to a newer version, or to the store: then they are revoked once more another time.
    await deps.vault.write({ ...grant, superseded }, grant.version).catch(() => undefined);
  }

  return {
    settled,
    start: (grant, due) => {
      if (due.length > 0) void track(retire(grant, due));
    },
  };
}
