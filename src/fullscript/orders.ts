import { z } from 'zod';
import type { ApiClient } from './api-client.js';
import { idSegment } from './api-path.js';
import { entries, id, isoDate, text } from './field.js';
import { getJson } from './json.js';
import { type PageOf, type PageRequest, pageOf, pageQuery } from './pagination.js';

export interface Order {
  readonly id: string;
  /** The one that people know, `R100200300`. */
  readonly number: string | undefined;
  readonly completedAt: string | undefined;
  readonly planIds: readonly string[];
  readonly variantIds: readonly string[];
}

const ids = entries(id).catch([]);
const orderFields = z.object({
  id,
  order_number: text,
  completed_at: isoDate,
  treatment_plan_ids: ids,
  variant_ids: ids,
});
const orders = pageOf('orders', orderFields.transform(toOrder));

/**
 * What a patient ordered, in the order that Fullscript gives it.
 *
 * @see https://fullscript.dev/technical-reference/orders
 */
export async function listPatientOrders(
  api: ApiClient,
  patientId: string,
  page: PageRequest,
): Promise<PageOf<Order>> {
  const path = `/clinic/patients/${idSegment(patientId)}/orders`;
  return getJson(api, { path, query: pageQuery(page) }, orders);
}

function toOrder(wire: z.infer<typeof orderFields>): Order {
  return {
    id: wire.id,
    number: wire.order_number,
    completedAt: wire.completed_at,
    planIds: wire.treatment_plan_ids,
    variantIds: wire.variant_ids,
  };
}
