import type { Request } from 'express';
import type { PageOf } from '../fullscript/pagination.js';
import type { Section } from './section.js';

/** What the links below a list are made of. */
export interface Pager {
  readonly label: string;
  readonly text: string;
  readonly previous: string | undefined;
  readonly next: string | undefined;
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
    to === undefined ? undefined : addressOf(req, name, to);
  const text = pages === undefined ? `Page ${page}` : `Page ${page} of ${pages}`;
  return { label, text, previous: href(previous), next: href(next) };
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

function addressOf(req: Request, name: string, page: number): string {
  const [path = '', query = ''] = req.originalUrl.split('?');
  const params = new URLSearchParams(query);
  params.delete('wait');
  params.set(name, String(page));
  return `${path}?${params.toString()}`;
}
