import { missingScope } from '../oauth/scope.js';
import { sameSecret } from '../oauth/secret.js';
import type { TokenSet } from '../oauth/token-set.js';
import { StoreUnavailableError } from './errors.js';
import { type Grant, type GrantKey, grantId, grantTokens } from './grant.js';
import { patiently } from './patience.js';
import type { PairPlace, RefreshMeasures } from './refresh-measures.js';
import { dropKept, grantOf, replayPair } from './replay-pair.js';
import { type SettleDeps, settlePair } from './settle-pair.js';
import { type Unconfirmed, createUnconfirmed } from './unconfirmed.js';
import type { KeptPair, UnsavedPair, UnsavedPairs } from './unsaved-pairs.js';

/** Brings refreshed pairs into storage, at once or later. */
export interface PairSaver {
  /**
   * Saves the answer of a refresh. What storage does not take at once goes into the journal, and only
   * when that is done, or the save, may the new token be used. Nobody is kept waiting for a store that
   * does not answer: further tries go on behind the caller's back, see `lingering`.
   *
   * @throws StoreUnavailableError when neither takes it; nobody may use the pair then.
   * @throws GrantNotFoundError
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
  /**
   * The same, also for a pair that is only waiting to be looked at again: for a caller who has found
   * that the store holds an older one.
   */
  readonly recall: PairSaver['replay'];
  readonly replayAll: () => Promise<void>;
  /** How many pairs wait. */
  readonly waiting: () => number;
}

export interface PairSaverDeps extends SettleDeps {
  readonly unsaved: UnsavedPairs;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly measures: Pick<RefreshMeasures, 'pairSafe'>;
  /** Milliseconds of a clock that is never set. */
  readonly elapsed?: (() => number) | undefined;
}

export function createPairSaver(deps: PairSaverDeps): PairSaver {
  const { unsaved } = deps;
  const unconfirmed = createUnconfirmed(deps);
  const { linger, lingering } = createLinger(deps);
  const replay = (key: GrantKey) => replayPair({ ...deps, unconfirmed }, key);
  const save = createSave({ ...deps, unconfirmed, linger, replay });
  return {
    lingering,
    replay: (key) => (unconfirmed.has(key) ? Promise.resolve(undefined) : replay(key)),
    recall: replay,
    replayAll: async () => {
      const due = unsaved.keys().filter((key) => !unconfirmed.isYoung(key));
      for (const key of due) await replay(key).catch(ignore);
    },
    waiting: () => unsaved.count() - unconfirmed.count(),

    save: async (redeemed, answer) => {
      const earlier = unsaved.find(redeemed.key);
      noticeNarrowed(deps, redeemed, answer);
      return save(pairOf(redeemed, answer, earlier?.pair), earlier);
    },
  };
}

type SaveDeps = PairSaverDeps & {
  readonly unconfirmed: Unconfirmed;
  readonly linger: ReturnType<typeof createLinger>['linger'];
  readonly replay: PairSaver['replay'];
};

/** Says where the pair is safe. */
type Tell = (place: PairPlace) => void;

function createSave(deps: SaveDeps) {
  const { events, unsaved, unconfirmed, linger, replay, measures } = deps;
  const { elapsed = () => performance.now() } = deps;

  /** Without a journal the pair lives in the tries to save it, and must not be used. */
  async function keep(pair: UnsavedPair, error: StoreUnavailableError, tell: Tell): Promise<Grant> {
    const { key } = pair;
    events.saveFailed(key, error);
    const kept = await unsaved.keep(pair).then(yes, no);
    tell(kept ? 'journal' : 'memory');
    if (kept) unconfirmed.forget(key);
    linger(key, async () => {
      if (!kept) await settlePair(deps, pair);
      else if ((await replay(key)) && unsaved.find(key) && !unconfirmed.has(key)) throw error;
    });
    if (!kept) throw error;
    return grantOf(pair);
  }

  /** It is in the store's memory; without a journal that has to do, and has been reported. */
  async function keepUntilConfirmed(pair: UnsavedPair, tell: Tell): Promise<void> {
    const kept = await unsaved.keep(pair).then(yes, no);
    tell(kept ? 'unconfirmed' : 'memory');
    if (kept) unconfirmed.add(pair.key);
  }

  return async (pair: UnsavedPair, earlier: KeptPair | undefined): Promise<Grant> => {
    const startedAt = elapsed();
    const tell: Tell = (place) => measures.pairSafe(elapsed() - startedAt, place);
    let settled;
    try {
      // The journal's versions may be those of a store that has lost its data since.
      const expected = earlier === undefined ? pair.version : undefined;
      settled = await settlePair(deps, pair, { expected });
    } catch (error) {
      if (error instanceof StoreUnavailableError) return keep(pair, error, tell);
      throw error;
    }
    if (settled.safe && settled.wrote) tell('store');
    if (!settled.safe) await keepUntilConfirmed(pair, tell);
    else if (earlier !== undefined) await dropKept(deps, earlier);
    return settled.grant;
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
      void done.then(() => tries.get(id) === done && tries.delete(id));
    },
  };
}

/** An answer that names no scope leaves the old one in force (RFC 6749 section 5.1). */
function noticeNarrowed({ events }: PairSaverDeps, { key, tokens }: Grant, { scope }: TokenSet) {
  const missing = scope.length === 0 ? [] : missingScope(tokens.scope, scope);
  if (missing.length > 0) events.scopeMissing(key, missing);
}

/** RFC 6749 section 6: an answer without a refresh token leaves the old one in force. */
function pairOf(grant: Grant, answer: TokenSet, earlier: UnsavedPair | undefined): UnsavedPair {
  const { key, version, connectedAt, superseded } = grant;
  const old = grant.tokens;
  const tokens = grantTokens(answer);
  const continues = sameSecret(earlier?.renewed.tokens.refreshToken, old.refreshToken);
  const line = continues && earlier !== undefined ? earlier : { version, ancestors: [] };
  const redeemed = old.refreshToken === undefined ? [] : [old.refreshToken];
  return {
    key,
    version: line.version,
    ancestors: [...line.ancestors, ...redeemed],
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

function ignore(): void {
  // The entry stays, or its grant is gone; both are reported as events. A pair that was in no journal
  // is given up unused: its refresh token's predecessor still works where rotation waits for use.
}

const yes = () => true;
const no = () => false;
