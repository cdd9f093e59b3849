import type { Logger } from 'pino';
import { every } from './every.js';
import { checkIndexIfDue } from './grants/index-check.js';
import type { IndexUpkeep } from './grants/index-upkeep.js';
import type { Store } from './store.js';
import { sayIndexTrouble } from './store-log.js';

/** How often it is tried to write what the store did not take; nothing happens while that is nothing. */
const CATCH_UP_MS = 1_000;
/** How often it is asked whether the index is to be checked. */
const CHECK_MS = 60_000;

export interface IndexKeeperDeps {
  readonly store: Pick<Store, 'grantIndex' | 'records' | 'lock'>;
  readonly indexUpkeep: IndexUpkeep;
  readonly log: Logger;
}

/**
 * Keeps the index of grants as long as the server runs: builds it where a version before it has left
 * none, in the background.
 *
 * @returns ends it.
 */
export function keepIndex(deps: IndexKeeperDeps): () => Promise<void> {
  const { store, indexUpkeep: upkeep, log } = deps;
  const { grantIndex: index, records, lock } = store;
  const stop = new AbortController();
  const onTrouble = sayIndexTrouble(log);

  async function check(): Promise<void> {
    try {
      const done = await checkIndexIfDue({ index, records, lock, upkeep, signal: stop.signal });
      if (done?.ended !== 'complete') return;
      log.debug({ grants: done.grants, removed: done.removed }, 'the index of grants is checked');
    } catch (error) {
      onTrouble(error);
    }
  }

  const first = check();
  const ends = [every(CHECK_MS, check), every(CATCH_UP_MS, upkeep.catchUp)];
  return async () => {
    stop.abort();
    await Promise.all([first, ...ends.map((end) => end())]);
  };
}
