import { createBoundedMap } from './bounded-map.js';
import { SealError } from './errors.js';
import type { GrantIndex } from './grant-index.js';
import { type Grant, type GrantKey, type GrantStatus, grantId } from './grant.js';
import { createInFlight } from './in-flight.js';
import type { Vault } from './vault.js';

/** Keeps the index like the grants, behind the back of whoever changes them. */
export interface IndexUpkeep {
  /**
   * A grant is about to be saved. Nobody has to wait for it.
   *
   * @returns resolves when the entry is made, or is not. Never rejects.
   */
  readonly ahead: (key: GrantKey) => Promise<void>;
  /**
   * A grant was saved, or removed, or perhaps. Never fails, keeps nobody waiting.
   *
   * @param change.entered what `ahead` said, so that it does not come after what the grant has become.
   * @param change.saved what is certain to have been saved.
   */
  readonly changed: (key: GrantKey, change?: IndexedChange) => void;
  /**
   * Makes the entry what the grant is.
   *
   * @param entered what the entry says, by somebody who has just read it.
   * @returns whether there is a grant.
   * @throws StoreUnavailableError
   */
  readonly sync: (key: GrantKey, entered?: GrantStatus) => Promise<boolean>;
  /** Tries once more what the store did not take. Never fails. */
  readonly catchUp: () => Promise<void>;
  /** Resolves when nothing is under way; what the store does not take then is left to the next check. */
  readonly settled: () => Promise<void>;
}

export interface IndexedChange {
  readonly entered?: Promise<void>;
  readonly saved?: SavedState | undefined;
}

/** What of a saved grant matters here. */
export type SavedState = Pick<Grant, 'status' | 'version'>;

export interface IndexUpkeepDeps {
  readonly index: Pick<GrantIndex, 'enter' | 'put' | 'drop'>;
  readonly vault: Pick<Vault, 'read' | 'lastVersion'>;
  /** Told why the index is behind, each time. */
  readonly onTrouble: (error: unknown) => void;
}

/** Beyond it the next check has to find them. */
const MOST_OWED = 10_000;
/** Whoever changes a grant so often looks behind the last change too. */
const ROUNDS = 10;

type State = GrantStatus | 'unreadable' | 'gone';

/**
 * Index and grant lie in different slots of a cluster, so no script writes both. Instead everybody who
 * changes a grant enters what it is, and looks again whether it still is, until it is: whoever writes
 * an entry last has looked at the grant after that, if only at its version. The entry is made ahead of the
 * save too, so that a crash between the two leaves an entry without a grant, which costs nothing, and not a
 * grant without one.
 */
export function createIndexUpkeep(deps: IndexUpkeepDeps): IndexUpkeep {
  const { index, vault, onTrouble } = deps;
  const owed = createBoundedMap<GrantKey>(MOST_OWED);
  const { track, settled } = createInFlight();
  const sync = createSync(deps);

  /** What was saved need not be read to be entered; whether it still is what is stored, its version tells. */
  async function enterSaved(key: GrantKey, { status, version }: SavedState): Promise<void> {
    await index.put(grantId(key), status);
    if ((await vault.lastVersion(key)) !== version) await sync(key);
  }

  async function attempt(key: GrantKey, saved?: SavedState): Promise<boolean> {
    try {
      if (saved === undefined) await sync(key);
      else await enterSaved(key, saved);
      return true;
    } catch (error) {
      owed.set(grantId(key), key);
      onTrouble(error);
      return false;
    }
  }

  async function catchUp(): Promise<void> {
    for (const [id, key] of owed.entries()) {
      owed.delete(id);
      // The others would fare no better.
      if (!(await attempt(key))) return;
    }
  }

  return {
    sync,
    // What becomes of it shows in `changed`.
    ahead: (key) => track(index.enter(grantId(key)).catch(ignore)),
    changed: (key, { entered = Promise.resolve(), saved } = {}) =>
      void track(entered.then(() => attempt(key, saved))),
    catchUp: () => track(catchUp()),
    settled: () => settled().then(catchUp),
  };
}

function createSync({ index, vault }: IndexUpkeepDeps): IndexUpkeep['sync'] {
  return async (key, entered) => {
    let state = await stateOf(vault, key);
    if (state === entered) return true;
    for (let round = 0; round < ROUNDS; round += 1) {
      await enter(index, grantId(key), state);
      const latest = await stateOf(vault, key);
      if (latest === state) break;
      state = latest;
    }
    return state !== 'gone';
  };
}

async function stateOf(vault: IndexUpkeepDeps['vault'], key: GrantKey): Promise<State> {
  try {
    return (await vault.read(key))?.status ?? 'gone';
  } catch (error) {
    if (error instanceof SealError) return 'unreadable';
    throw error;
  }
}

function enter(index: IndexUpkeepDeps['index'], id: string, state: State): Promise<void> {
  if (state === 'gone') return index.drop(id);
  // Nobody can tell how it stands, so it stays as what it is known.
  return state === 'unreadable' ? index.enter(id) : index.put(id, state);
}

function ignore(): void {
  // See the caller.
}
