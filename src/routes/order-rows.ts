import type { ApiClient } from '../fullscript/api-client.js';
import { getVariant } from '../fullscript/catalog.js';
import type { Order } from '../fullscript/orders.js';
import type { PageOf } from '../fullscript/pagination.js';
import { type Moment, day } from './moment.js';
import { type Named, namesOf } from './names.js';

interface OrderRow {
  readonly number: string;
  readonly items: string;
  readonly completed: Moment | undefined;
}

/** Each name is a call; what comes after these is counted instead. */
const NAMES_LOOKED_UP = 12;

/** Looks up what was ordered: orders name it by the ids of variants. */
export async function nameProducts(api: ApiClient, orders: PageOf<Order>): Promise<Named<Order>> {
  const ids = [...new Set(orders.items.flatMap(({ variantIds }) => variantIds))];
  const names = await namesOf(ids.slice(0, NAMES_LOOKED_UP), async (id) => {
    const { productName, brandName } = await getVariant(api, id);
    return brandName === undefined ? productName : `${productName ?? 'Product'} (${brandName})`;
  });
  return { ...orders, names };
}

/** Orders as a page shows them. */
export function orderRows({ items, names }: Named<Order>): OrderRow[] {
  return items.map(({ id, number, completedAt, variantIds }) => ({
    number: number ?? id,
    items: itemsInWords(variantIds.map((one) => names.get(one))),
    completed: day(completedAt),
  }));
}

function itemsInWords(names: readonly (string | undefined)[]): string {
  const known = names.filter((name) => name !== undefined);
  const rest = names.length - known.length;
  if (rest === 0) return known.join(', ');
  const counted = `${rest} ${known.length > 0 ? 'more ' : ''}${rest === 1 ? 'product' : 'products'}`;
  return [...known, counted].join(', ');
}
