import type { GrantFacts, ReadFacts } from './grant-facts.js';
import type { GrantFilter, GrantIndex, IndexEntry } from './grant-index.js';
import { parseGrantId } from './grant.js';
import type { IndexUpkeep } from './index-upkeep.js';

export interface GrantPage {
  /** In the order of their names. A page may have fewer than were asked for, and others may follow. */
  readonly grants: readonly GrantFacts[];
  /** Where the next page begins; undefined when there is none. */
  readonly next: string | undefined;
}

export interface GrantPageRequest extends GrantFilter {
  readonly limit: number;
  /** What `next` of another page says. */
  readonly cursor?: string | undefined;
}

/** @throws StoreUnavailableError; CursorError */
export type ListGrants = (request: GrantPageRequest) => Promise<GrantPage>;

/** It is not what `next` of a page said. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}

/**
 * Pages of grants, by the index. Entries that have outlived their grant, or its status, are left out,
 * and mended. What is there all the while is on one page, once.
 */
export function createListGrants(deps: {
  index: Pick<GrantIndex, 'page' | 'drop'>;
  facts: ReadFacts;
  upkeep: Pick<IndexUpkeep, 'sync'>;
}): ListGrants {
  const { index, facts, upkeep } = deps;

  async function look({ id, status }: IndexEntry): Promise<GrantFacts | undefined> {
    const key = parseGrantId(id);
    if (key === undefined) {
      await index.drop(id);
      return undefined;
    }
    const found = await facts(key);
    const stale = found === undefined || hasOther(found, status);
    if (stale) await upkeep.sync(key, status);
    return found;
  }

  return async ({ limit, cursor, ...filter }) => {
    const after = cursor === undefined ? undefined : placeOf(cursor);
    // One more than wanted tells whether there is another page.
    const entries = await index.page({ ...filter, after, limit: limit + 1 });
    const shown = entries.slice(0, limit);
    const found = (await Promise.all(shown.map(look))).filter((one) => one !== undefined);
    const { status } = filter;
    const grants = found.filter((one) => status === undefined || !hasOther(one, status));
    const last = entries.length > limit ? shown.at(-1)?.id : undefined;
    return { grants, next: last === undefined ? undefined : cursorAt(last) };
  };
}

/** One that does not open passes for what it is entered as. */
function hasOther({ sealed }: GrantFacts, status: IndexEntry['status']): boolean {
  return typeof sealed === 'object' && sealed.status !== status;
}

function cursorAt(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function placeOf(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (parseGrantId(id) === undefined)
    throw new CursorError('this is no cursor of a page of grants');
  return id;
}
