import type { Call } from './call.js';

const DEFAULT_SIZE = 20;
const MAX_SIZE = 100;

/** The part of a list answer that says where in the list it is. */
export interface PageMeta {
  current_page: number;
  next_page: number | null;
  prev_page: number | null;
  total_pages: number;
  total_count: number;
}

/** Cuts the page that `page[number]` and `page[size]` ask for; the first page is 1. */
export function paginate<T>(call: Call, all: readonly T[]): { items: T[]; meta: PageMeta } {
  const size = Math.min(positive(call.query.get('page[size]')) ?? DEFAULT_SIZE, MAX_SIZE);
  const number = positive(call.query.get('page[number]')) ?? 1;
  const totalPages = Math.max(1, Math.ceil(all.length / size));
  return {
    items: all.slice((number - 1) * size, number * size),
    meta: {
      current_page: number,
      next_page: number < totalPages ? number + 1 : null,
      prev_page: number > 1 ? number - 1 : null,
      total_pages: totalPages,
      total_count: all.length,
    },
  };
}

function positive(text: string | null): number | undefined {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
