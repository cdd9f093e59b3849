import type { Secret } from '../oauth/secret.js';
import type { TokenSet } from '../oauth/token-set.js';
import type { CustodyDeps } from './custody-deps.js';
import { GrantNotFoundError, OwnerChangedError, StoreUnavailableError } from './errors.js';
import { type Grant, type GrantKey, type UnversionedGrant, grantTokens } from './grant.js';
import { patiently } from './patience.js';
import { revokePair } from './revoke-pair.js';
import type { UnsavedPair, UnsavedPairs } from './unsaved-pairs.js';
import type { Vault } from './vault.js';

/** Brings refreshed pairs into storage, at once or later. */
export interface PairSaver {
  /**
   * Saves the answer of a refresh. What storage does not take for seconds goes into the journal, and
   * only when that is done, or the save, may the new token be used.
   *
   * @throws StoreUnavailableError when neither takes it; nobody may use the pair then.
   * @throws OwnerChangedError, GrantNotFoundError
   */
  readonly save: (redeemed: Grant, answer: TokenSet) => Promise<Grant>;
  /**
   * Tries once more to save what is kept of this grant.
   *
   * @returns the grant to go on with, saved or not; undefined when nothing is kept.
   */
  readonly replay: (key: GrantKey) => Promise<Grant | undefined>;
  readonly replayAll: () => Promise<void>;
  /** How many pairs wait. */
  readonly waiting: () => number;
}

export interface PairSaverDeps extends CustodyDeps {
  readonly vault: Vault;
  readonly unsaved: UnsavedPairs;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** Writes a grant over a version. */
type Write = Vault['write'];

export function createPairSaver(deps: PairSaverDeps): PairSaver {
  const { vault, events, sleep, unsaved } = deps;
  const patientWrite: Write = (...args) => patiently(sleep, () => vault.write(...args));

  const replay = (key: GrantKey) => replayOne(deps, key);

  return {
    replay,
    replayAll: async () => {
      for (const key of unsaved.keys()) await replay(key).catch(ignore);
    },
    waiting: unsaved.count,

    save: async (redeemed, answer) => {
      if (isForeign(redeemed, answer)) {
        await revokePair(deps, redeemed.key.registration, answer);
        throw new OwnerChangedError();
      }
      const pair = pairOf(redeemed, answer);
      try {
        return await settle(deps, pair, patientWrite);
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        events.saveFailed(redeemed.key, error);
        await unsaved.keep(pair).catch(() => Promise.reject(error));
        return { ...pair.renewed, version: redeemed.version };
      }
    },
  };
}

async function replayOne(deps: PairSaverDeps, key: GrantKey): Promise<Grant | undefined> {
  const { vault, unsaved, events } = deps;
  const pair = unsaved.find(key);
  if (pair === undefined) return undefined;
  try {
    const saved = await settle(deps, pair, vault.write);
    await unsaved.drop(key);
    events.replayed(key);
    return saved;
  } catch (error) {
    if (error instanceof StoreUnavailableError) {
      return { ...pair.renewed, version: pair.redeemed.version };
    }
    // Disconnected meanwhile: the pair has been revoked.
    if (error instanceof GrantNotFoundError) await unsaved.drop(key);
    throw error;
  }
}

/**
 * Writes a pair by compare-and-set on the version that was redeemed. When somebody else wrote
 * meanwhile, the pair still wins over a mere change of status, and gives way to anything else: then
 * it is revoked, so that no living pair is left that nobody knows.
 */
async function settle(deps: PairSaverDeps, pair: UnsavedPair, write: Write): Promise<Grant> {
  const { redeemed, renewed } = pair;
  let expected = redeemed.version;
  for (;;) {
    const stored = await write(renewed, expected);
    if (stored !== undefined) return stored;
    const latest = await deps.vault.read(redeemed.key);
    if (latest !== undefined && same(latest.tokens.accessToken, renewed.tokens.accessToken)) {
      return latest;
    }
    if (latest === undefined || !same(latest.tokens.refreshToken, redeemed.refreshToken)) {
      return giveWay(deps, renewed, latest);
    }
    expected = latest.version;
  }
}

async function giveWay(
  deps: PairSaverDeps,
  late: UnversionedGrant,
  latest: Grant | undefined,
): Promise<Grant> {
  deps.events.latePairDiscarded(late.key);
  await revokePair(deps, late.key.registration, late.tokens);
  if (latest === undefined) throw new GrantNotFoundError();
  return latest;
}

/** Somebody else's tokens. An answer that names nobody is taken for what was asked. */
function isForeign(redeemed: Grant, { resourceOwner, ownerProblem }: TokenSet): boolean {
  const { owner } = redeemed.key;
  if (ownerProblem !== undefined) return true;
  if (resourceOwner === undefined) return false;
  return resourceOwner.id !== owner.id || resourceOwner.type !== owner.type;
}

/** RFC 6749 section 6: an answer without a refresh token leaves the old one in force. */
function pairOf(grant: Grant, answer: TokenSet): UnsavedPair {
  const { key, version, connectedAt, superseded } = grant;
  const old = grant.tokens;
  const tokens = grantTokens(answer);
  return {
    redeemed: { key, version, refreshToken: old.refreshToken },
    renewed: {
      ...{ key, connectedAt, superseded },
      status: 'active',
      reconnectReason: undefined,
      tokens: {
        ...tokens,
        refreshToken: tokens.refreshToken ?? old.refreshToken,
        scope: tokens.scope.length > 0 ? tokens.scope : old.scope,
      },
    },
  };
}

function same(a: Secret | undefined, b: Secret | undefined): boolean {
  return a !== undefined && a.reveal() === b?.reveal();
}

function ignore(): void {
  // The entry stays, or its grant is gone; both are reported as events.
}
