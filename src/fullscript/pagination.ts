import { z } from 'zod';
import { amount, entries, part } from './field.js';

/** Which part of a list is wanted. */
export interface PageRequest {
  /** The first one is 1. */
  readonly page: number;
  readonly size: number;
}

/** One page of a list. */
export interface PageOf<T> {
  readonly items: readonly T[];
  readonly page: number;
  readonly previous: number | undefined;
  readonly next: number | undefined;
  readonly pages: number | undefined;
  readonly total: number | undefined;
}

/** More than Fullscript puts on a page it does not send. */
const LARGEST_SIZE = 100;
/** Further than any list goes, and short enough for every reader of numbers. */
const LAST_PAGE = 1_000_000;

/**
 * The query of a list, brackets encoded. Numbers that make no sense become ones that do; parameters
 * that are undefined are left out.
 *
 * @see https://fullscript.dev/technical-reference/pagination
 */
export function pageQuery(
  { page, size }: PageRequest,
  others: Readonly<Record<string, string | undefined>> = {},
): string {
  const query = new URLSearchParams({
    'page[number]': String(within(page, LAST_PAGE)),
    'page[size]': String(within(size, LARGEST_SIZE)),
  });
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) query.set(name, value);
  }
  return query.toString();
}

const meta = z.object({
  current_page: amount,
  next_page: amount,
  prev_page: amount,
  total_pages: amount,
  total_count: amount,
});

/** Reads the list under `key`. Entries that cannot be read are left out; without `meta` it is all there is. */
export function pageOf<T>(key: string, entry: z.ZodType<T>): z.ZodType<PageOf<T>> {
  const list = entries(entry);
  return z.record(z.string(), z.unknown()).transform((answer, context): PageOf<T> => {
    const items = list.safeParse(answer[key]);
    if (!items.success) {
      context.addIssue({ code: 'custom', message: `no list of ${key}` });
      return z.NEVER;
    }
    return { items: items.data, ...placeOf(part(meta).parse(answer['meta'])) };
  });
}

type Place = Omit<PageOf<unknown>, 'items'>;

/** Neighbours are only believed on their own side: a list that leads nowhere must not lead in circles. */
function placeOf(wire: z.infer<typeof meta> | undefined): Place {
  if (wire === undefined) {
    return { page: 1, previous: undefined, next: undefined, pages: 1, total: undefined };
  }
  const page = pageNumber(wire.current_page) ?? 1;
  const pages = pageNumber(wire.total_pages);
  const previous = pageNumber(wire.prev_page);
  const next = pageNumber(wire.next_page);
  return {
    page,
    // Beyond the end, the way back leads to the last page.
    previous:
      previous !== undefined && previous < page ? Math.min(previous, pages ?? previous) : undefined,
    next: next !== undefined && next > page ? next : undefined,
    pages,
    total: whole(wire.total_count),
  };
}

function within(number: number, most: number): number {
  return Math.min(Math.max(Math.trunc(number) || 1, 1), most);
}

function pageNumber(number: number | undefined): number | undefined {
  return number === 0 ? undefined : whole(number);
}

function whole(number: number | undefined): number | undefined {
  return Number.isSafeInteger(number) ? number : undefined;
}
