import type { Request, Response } from 'express';
import type { PageOf } from '../fullscript/pagination.js';
import { addressWith } from './address.js';
import type { Section } from './section.js';

/** What the links below a list are made of. */
export interface Pager {
  readonly label: string;
  readonly text: string;
  readonly previous: string | undefined;
  readonly next: string | undefined;
  /** Set where there is nothing because this is beyond the last page: the way to the first one. */
  readonly first: string | undefined;
}

/** The page of a list that the query asks for; whatever makes no sense is the first one. */
export function pageNumber(req: Request, name = 'page'): number {
  const given = req.query[name];
  return typeof given === 'string' && /^[1-9]\d{0,5}$/.test(given) ? Number(given) : 1;
}

/** What somebody searches for; Fullscript is asked for a hundred characters at most. */
export function searchQuery(req: Request): string {
  const given = req.query['query'];
  return typeof given === 'string' ? given.trim().slice(0, 100) : '';
}

/**
 * Links to the neighbours of a page, which keep what else the address says.
 *
 * @param options.name the query parameter of this list.
 */
export function pager(
  req: Request,
  list: Section<PageOf<unknown>>,
  options: { label: string; name?: string },
): Pager {
  const { label, name = 'page' } = options;
  const { page = 1, pages, previous, next } = list.ready ?? {};
  const href = (to: number | undefined) =>
    to === undefined ? undefined : addressWith(req, { [name]: String(to) });
  const text = pages === undefined ? `Page ${page}` : `Page ${page} of ${pages}`;
  const isBeyond = page > 1 && list.ready?.items.length === 0;
  const first = isBeyond ? href(1) : undefined;
  return { label, text, previous: href(previous), next: href(next), first };
}

/** A page that no list has is not found, also when Fullscript answers it with an empty one. */
export function showBeyond(res: Response, { first }: Pager): void {
  if (first !== undefined) res.status(404);
}

/** How many there are, for a line above the list; empty while nobody knows. */
export function found(
  list: Section<PageOf<unknown>>,
  [one, several]: readonly [one: string, several: string],
): string {
  const total = list.ready?.total ?? list.ready?.items.length;
  if (total === undefined) return '';
  return total === 1 ? `1 ${one}` : `${total} ${several}`;
}
