import { jsonAnswer, notFoundAnswer } from './answer.js';
import type { BearerHandler } from './bearer.js';
import type { DataSet, OwnedPlan, TreatmentPlanRecord } from './data/records.js';
import type { Pair } from './pair.js';
import { paginate } from './pagination.js';
import { findPatient } from './patient-handlers.js';

/** Lists a patient's treatment plans. */
export function listPlans(data: DataSet): BearerHandler {
  return (call, pair) => {
    const patient = findPatient(data, pair.clinicId, call.params['id']);
    if (patient === undefined) return notFoundAnswer();
    const key = call.query.get('sort_by') === 'updated_at' ? 'updated_at' : 'created_at';
    const sign = call.query.get('order_by') === 'DESC' ? -1 : 1;
    const plans = data.plans
      .filter((plan) => isVisible(plan, pair) && plan.record.patient.id === patient.record.id)
      .map((plan) => plan.record)
      .sort((one, other) => sign * one[key].localeCompare(other[key]));
    const { items, meta } = paginate(call, plans);
    return jsonAnswer(200, { treatment_plans: items.map(withoutMetadata), meta });
  };
}

/** Lists leave it out. */
function withoutMetadata(plan: TreatmentPlanRecord): Omit<TreatmentPlanRecord, 'metadata'> {
  const { id, state, patient, practitioner, available_at, created_at, updated_at } = plan;
  return { id, state, patient, practitioner, available_at, created_at, updated_at };
}

/** One treatment plan. */
export function showPlan(data: DataSet): BearerHandler {
  return (call, pair) => {
    const plan = data.plans.find(
      (one) => isVisible(one, pair) && one.record.id === call.params['id'],
    );
    return plan === undefined ? notFoundAnswer() : jsonAnswer(200, { treatment_plan: plan.record });
  };
}

/** Plans made in the Fullscript app need a scope of their own. */
function isVisible(plan: OwnedPlan, pair: Pair): boolean {
  if (plan.clinicId !== pair.clinicId) return false;
  return !plan.madeInApp || pair.scopes.includes('patients:treatment_plan_history');
}
