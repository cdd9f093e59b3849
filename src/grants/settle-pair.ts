import { type Secret, sameSecret } from '../oauth/secret.js';
import type { CustodyDeps } from './custody-deps.js';
import { GrantNotFoundError } from './errors.js';
import type { Grant } from './grant.js';
import { revokePair } from './revoke-pair.js';
import type { UnsavedPair } from './unsaved-pairs.js';
import type { Vault } from './vault.js';

export interface Settled {
  /** What is stored now. */
  readonly grant: Grant;
  readonly wrote: boolean;
  /** Whether it is known to survive a crash of the store, or is not ours to care for. */
  readonly safe: boolean;
}

export interface SettleDeps extends CustodyDeps {
  readonly vault: Vault;
}

/**
 * Writes a refreshed pair by compare-and-set. When something else is stored than what was redeemed, the
 * pair wins over what it descends from, in whatever state, and gives way to anything else: then it is
 * revoked, so that no living pair is left that nobody knows.
 *
 * @param how.expected the version that is certain to be that of the grant that was redeemed. Without it
 *   storage is read first: versions begin anew when storage has lost its data.
 * @param how.wasStored the pair has been in storage. Whoever replaced or removed it there has seen to
 *   its end.
 * @throws StoreUnavailableError; GrantNotFoundError when the grant was disconnected meanwhile.
 */
export async function settlePair(
  deps: SettleDeps,
  pair: UnsavedPair,
  how: { expected?: number | undefined; wasStored?: boolean } = {},
): Promise<Settled> {
  const { vault } = deps;
  let over = how.expected;
  for (;;) {
    const saved = over === undefined ? undefined : await vault.save(pair.renewed, over);
    if (saved !== undefined) return { grant: saved.grant, wrote: true, safe: saved.confirmed };
    const latest = await vault.read(pair.key);
    if (latest !== undefined && sameSecret(tokenOf(latest), tokenOf(pair.renewed))) {
      return { grant: latest, wrote: false, safe: false };
    }
    if (latest === undefined || !descendsFrom(pair, latest)) {
      if (how.wasStored !== true) await discard(deps, pair);
      if (latest === undefined) throw new GrantNotFoundError();
      return { grant: latest, wrote: false, safe: true };
    }
    over = latest.version;
  }
}

/** Whether what is stored is an earlier state of the grant that the pair belongs to. */
function descendsFrom({ version, ancestors, renewed }: UnsavedPair, stored: Grant): boolean {
  if (stored.connectedAt !== renewed.connectedAt) {
    // Another consent. An older one can only be there when storage went back in time.
    return stored.version <= version && stored.connectedAt < renewed.connectedAt;
  }
  const { refreshToken } = stored.tokens;
  return stored.version < version || ancestors.some((one) => sameSecret(one, refreshToken));
}

async function discard(deps: SettleDeps, { key, renewed }: UnsavedPair): Promise<void> {
  deps.events.latePairDiscarded(key);
  await revokePair(deps, key.registration, renewed.tokens);
}

function tokenOf({ tokens }: Pick<Grant, 'tokens'>): Secret {
  return tokens.accessToken;
}
