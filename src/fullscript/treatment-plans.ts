import { z } from 'zod';
import type { ApiClient } from './api-client.js';
import { idSegment } from './api-path.js';
import { id, isoDate, part, text } from './field.js';
import { getJson } from './json.js';
import { type PageOf, type PageRequest, pageOf, pageQuery } from './pagination.js';

export interface TreatmentPlan {
  readonly id: string;
  /** `active`, `draft`, `cancelled`, or what Fullscript may add. */
  readonly state: string | undefined;
  readonly practitionerId: string | undefined;
  readonly availableAt: string | undefined;
  readonly createdAt: string | undefined;
  readonly updatedAt: string | undefined;
}

const planFields = z.object({
  id,
  state: text,
  // Documented both as a record and, in an older reference, as its bare id.
  practitioner: part(z.object({ id })),
  practitioner_id: part(id),
  available_at: isoDate,
  created_at: isoDate,
  updated_at: isoDate,
});
const plans = pageOf('treatment_plans', planFields.transform(toPlan));

/**
 * A patient's plans, the newest first. Those made in the Fullscript app only come with the scope
 * `patients:treatment_plan_history`.
 *
 * @see https://fullscript.dev/technical-reference/treatment-plans
 */
export async function listPatientPlans(
  api: ApiClient,
  patientId: string,
  page: PageRequest,
): Promise<PageOf<TreatmentPlan>> {
  const path = `/clinic/patients/${idSegment(patientId)}/treatment_plans`;
  const query = pageQuery(page, { sort_by: 'created_at', order_by: 'DESC' });
  return getJson(api, { path, query }, plans);
}

function toPlan(wire: z.infer<typeof planFields>): TreatmentPlan {
  return {
    id: wire.id,
    state: wire.state,
    practitionerId: wire.practitioner?.id ?? wire.practitioner_id,
    availableAt: wire.available_at,
    createdAt: wire.created_at,
    updatedAt: wire.updated_at,
  };
}
