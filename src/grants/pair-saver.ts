import type { Secret } from '../oauth/secret.js';
import type { TokenSet } from '../oauth/token-set.js';
import type { CustodyDeps } from './custody-deps.js';
import { GrantNotFoundError, OwnerChangedError, StoreUnavailableError } from './errors.js';
import { type Grant, type GrantKey, type UnversionedGrant, grantId, grantTokens } from './grant.js';
import { patiently } from './patience.js';
import { revokePair } from './revoke-pair.js';
import type { UnsavedPair, UnsavedPairs } from './unsaved-pairs.js';
import type { Vault } from './vault.js';

/** Brings refreshed pairs into storage, at once or later. */
export interface PairSaver {
  /**
   * Saves the answer of a refresh. What storage does not take at once goes into the journal, and only
   * when that is done, or the save, may the new token be used. Nobody is kept waiting for a store that
   * does not answer: further tries go on behind the caller's back, see `lingering`.
   *
   * @throws StoreUnavailableError when neither takes it; nobody may use the pair then.
   * @throws OwnerChangedError, GrantNotFoundError
   */
  readonly save: (redeemed: Grant, answer: TokenSet) => Promise<Grant>;
  /** Resolves when no tries to save this grant go on any more. The lock is to be held until then. */
  readonly lingering: (key: GrantKey) => Promise<void>;
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

export function createPairSaver(deps: PairSaverDeps): PairSaver {
  const { events, unsaved } = deps;
  const { linger, lingering } = createLinger(deps);
  const replay = (key: GrantKey) => replayOne(deps, key);

  /** Without a journal the pair lives in the tries to save it, and must not be used. */
  async function keep(pair: UnsavedPair, error: StoreUnavailableError): Promise<Grant> {
    const { key } = pair.redeemed;
    events.saveFailed(key, error);
    const kept = await unsaved.keep(pair).then(yes, no);
    linger(key, async () => {
      if (!kept) await settle(deps, pair);
      else if ((await replay(key)) && unsaved.find(key)) throw error;
    });
    if (!kept) throw error;
    return grantOf(pair);
  }

  return {
    replay,
    lingering,
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
        return await settle(deps, pair);
      } catch (error) {
        if (error instanceof StoreUnavailableError) return keep(pair, error);
        throw error;
      }
    },
  };
}

/** For seconds, not for ever: a pair in the journal is replayed from there afterwards. */
function createLinger({ sleep }: Pick<PairSaverDeps, 'sleep'>) {
  const tries = new Map<string, Promise<void>>();
  return {
    lingering: async (key: GrantKey) => tries.get(grantId(key)),
    linger: (key: GrantKey, save: () => Promise<unknown>): void => {
      const id = grantId(key);
      const done = patiently(sleep, save).then(ignore, ignore);
      tries.set(id, done);
      void done.then(() => tries.delete(id));
    },
  };
}

async function replayOne(deps: PairSaverDeps, key: GrantKey): Promise<Grant | undefined> {
  const { unsaved, events } = deps;
  const pair = unsaved.find(key);
  if (pair === undefined) return undefined;
  try {
    const saved = await settle(deps, pair);
    await unsaved.drop(key);
    events.replayed(key);
    return saved;
  } catch (error) {
    if (error instanceof StoreUnavailableError) return grantOf(pair);
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
async function settle({ vault, ...deps }: PairSaverDeps, pair: UnsavedPair): Promise<Grant> {
  const { redeemed, renewed } = pair;
  let expected = redeemed.version;
  for (;;) {
    const stored = await vault.write(renewed, expected);
    if (stored !== undefined) return stored;
    const latest = await vault.read(redeemed.key);
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
  deps: CustodyDeps,
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

/** As it is used before storage has it. */
function grantOf({ redeemed, renewed }: UnsavedPair): Grant {
  return { ...renewed, version: redeemed.version };
}

function same(a: Secret | undefined, b: Secret | undefined): boolean {
  return a !== undefined && a.reveal() === b?.reveal();
}

function ignore(): void {
  // The entry stays, or its grant is gone; both are reported as events. A pair that was in no journal
  // is given up unused: its refresh token's predecessor still works where rotation waits for use.
}

const yes = () => true;
const no = () => false;
