import type { GrantRecords } from './grant-records.js';
import type { Visit, Visited } from './reseal.js';

/** How many records are sealed with a key, and how many of those cannot be opened. */
export interface KeyTally {
  readonly records: number;
  readonly unopenable: number;
}

/** What a pass over all records found, and left. */
export interface SealTally {
  readonly seen: number;
  readonly resealed: number;
  /** By key id. */
  readonly keys: ReadonlyMap<string, KeyTally>;
}

/** Few enough that nobody else notices. */
const AT_ONCE = 8;

/**
 * Visits every record once and counts. When `signal` aborts, it finishes what is under way and stops.
 *
 * @throws StoreUnavailableError when storage failed; what was done is done.
 */
export async function visitAll(deps: {
  records: Pick<GrantRecords, 'ids'>;
  visit: Visit;
  signal: AbortSignal;
  onVisited?: (visited: Visited) => void;
}): Promise<SealTally> {
  const { records, visit, signal, onVisited } = deps;
  const keys = new Map<string, KeyTally>();
  let [seen, resealed] = [0, 0];

  async function count(id: string): Promise<void> {
    const visited = signal.aborted ? undefined : await visit(id);
    if (visited === undefined) return;
    seen += 1;
    if (visited.resealed) resealed += 1;
    keys.set(visited.keyId, plus(keys.get(visited.keyId), visited));
    onVisited?.(visited);
  }

  for await (const page of records.ids()) {
    await someAtOnce(page, count);
    if (signal.aborted) break;
  }
  return { seen, resealed, keys };
}

function plus(tally: KeyTally = { records: 0, unopenable: 0 }, { state }: Visited): KeyTally {
  const { records, unopenable } = tally;
  return { records: records + 1, unopenable: unopenable + (state === 'unopenable' ? 1 : 0) };
}

/** Waits for all that was begun, also when one fails: nothing goes on behind the caller's back. */
export async function someAtOnce<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
