import { GrantNotFoundError, StoreUnavailableError } from './errors.js';
import type { Grant, GrantKey } from './grant.js';
import { type SettleDeps, settlePair } from './settle-pair.js';
import type { Unconfirmed } from './unconfirmed.js';
import type { KeptPair, UnsavedPair, UnsavedPairs } from './unsaved-pairs.js';

export interface ReplayDeps extends SettleDeps {
  readonly unsaved: UnsavedPairs;
  readonly unconfirmed: Unconfirmed;
}

/**
 * Tries once to save what is kept of a grant. The entry goes when the pair is safe: confirmed by the
 * store, or still there when it is looked at a second time.
 *
 * @returns the grant to go on with, saved or not; undefined when nothing is kept.
 */
export async function replayPair(deps: ReplayDeps, key: GrantKey): Promise<Grant | undefined> {
  const { unsaved, unconfirmed, events } = deps;
  const kept = unsaved.find(key);
  if (kept === undefined) return undefined;
  const lookedBefore = unconfirmed.has(key);
  try {
    const { grant, wrote, safe } = await settlePair(deps, kept.pair, { wasStored: lookedBefore });
    if (wrote) events.replayed(key);
    if (safe || (lookedBefore && !wrote)) await dropKept(deps, kept);
    // A later pair that has taken its place meanwhile is not in the store.
    else if (isCurrent(deps, kept)) unconfirmed.add(key);
    return grant;
  } catch (error) {
    if (error instanceof StoreUnavailableError) return grantOf(kept.pair);
    // Disconnected meanwhile: the pair has been revoked.
    if (error instanceof GrantNotFoundError) await dropKept(deps, kept);
    throw error;
  }
}

/** An entry that cannot be removed from the disk is harmless: what it descends from is gone. */
export async function dropKept(
  { unsaved, unconfirmed }: Pick<ReplayDeps, 'unsaved' | 'unconfirmed'>,
  kept: KeptPair,
): Promise<void> {
  if (isCurrent({ unsaved }, kept)) unconfirmed.forget(kept.pair.key);
  await unsaved.drop(kept).catch(ignore);
}

function isCurrent({ unsaved }: Pick<ReplayDeps, 'unsaved'>, { entry, pair }: KeptPair): boolean {
  return unsaved.find(pair.key)?.entry.sealed === entry.sealed;
}

/** As it is used before storage has it. */
export function grantOf({ version, renewed }: UnsavedPair): Grant {
  return { ...renewed, version };
}

function ignore(): void {
  // See the caller.
}
