import { LockTimeoutError } from './errors.js';
import type { GrantIndex, IndexEntry } from './grant-index.js';
import type { GrantRecords } from './grant-records.js';
import { parseGrantId } from './grant.js';
import type { IndexUpkeep } from './index-upkeep.js';
import type { Lock } from './lock.js';
import { someAtOnce } from './seal-tally.js';

export type IndexCheck =
  | { readonly ended: 'interrupted' }
  | {
      readonly ended: 'complete';
      readonly grants: number;
      /** Entries whose grant was gone. */
      readonly removed: number;
    };

export interface IndexCheckDeps {
  readonly index: GrantIndex;
  readonly records: Pick<GrantRecords, 'ids'>;
  readonly upkeep: Pick<IndexUpkeep, 'sync'>;
  /** Ends it when what is under way is finished. */
  readonly signal: AbortSignal;
  /** Told after each page how many grants were looked at. */
  readonly onProgress?: (seen: number) => void;
}

/** Versions before the index may write meanwhile, and a process may die; both show after a day. */
export const CHECKED_FOR_MS = 24 * 60 * 60_000;
const PAGE = 500;

/**
 * Enters every grant that is stored, and drops entries without one. Anything may be written meanwhile.
 * It can be stopped and repeated at any time.
 *
 * @throws StoreUnavailableError when the store failed; what was done is done.
 */
export async function checkIndex(deps: IndexCheckDeps): Promise<IndexCheck> {
  const { index, signal } = deps;
  await enterAll(deps);
  const { grants, removed } = await dropDead(deps);
  // Half a pass tells nothing of the other half.
  if (signal.aborted) return { ended: 'interrupted' };
  await index.noteChecked(CHECKED_FOR_MS);
  return { ended: 'complete', grants, removed };
}

/** A record may be listed twice, so this is no exact number. */
async function enterAll({ records, upkeep, signal, onProgress }: IndexCheckDeps): Promise<void> {
  let seen = 0;
  for await (const page of records.ids()) {
    await someAtOnce(page, async (id) => {
      const key = parseGrantId(id);
      if (!signal.aborted && key !== undefined && (await upkeep.sync(key))) seen += 1;
    });
    if (signal.aborted) break;
    onProgress?.(seen);
  }
}

async function dropDead({ index, upkeep, signal }: IndexCheckDeps) {
  let [grants, removed] = [0, 0];
  let page: readonly IndexEntry[] = [];
  do {
    page = await index.page({ after: page.at(-1)?.id, limit: PAGE });
    await someAtOnce(page, async ({ id, status }) => {
      const key = parseGrantId(id);
      if (key === undefined) await index.drop(id);
      else if (await upkeep.sync(key, status)) grants += 1;
      else removed += 1;
    });
  } while (!signal.aborted && page.length === PAGE);
  return { grants, removed };
}

/** No grant has a name without colons. */
const LOCK_NAME = 'grant-index';

/**
 * Checks the index where nobody has lately: the first start of a version that has one, and then once a
 * day, by one process at a time. After a process that died half-way another one does it.
 */
export async function checkIndexIfDue(
  deps: IndexCheckDeps & { lock: Lock },
): Promise<IndexCheck | undefined> {
  const { index, lock } = deps;
  if (await index.isChecked()) return undefined;
  try {
    return await lock.run(LOCK_NAME, 0, async () =>
      (await index.isChecked()) ? undefined : await checkIndex(deps),
    );
  } catch (error) {
    if (error instanceof LockTimeoutError) return undefined;
    throw error;
  }
}
