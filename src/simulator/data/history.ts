import type { Prng } from './prng.js';
import type { DataSet, OrderRecord, Owned, OwnedPlan, PatientRecord } from './records.js';

const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2026, 0, 5, 14, 30);

type Known = Pick<DataSet, 'patients' | 'practitioners' | 'products'>;

/** Gives every third patient a treatment plan, and every other plan an order. */
export function makeHistory(prng: Prng, known: Known): Pick<DataSet, 'plans' | 'orders'> {
  const plans = known.patients
    .filter((_, index) => index % 3 === 0)
    .map((patient, index) => makePlan(prng, { patient, index, known }));
  const orders = plans
    .filter((_, index) => index % 2 === 0)
    .map((plan, index) => makeOrder(prng, { plan, index, known }));
  return { plans, orders };
}

function makePlan(
  prng: Prng,
  { patient, index, known }: { patient: Owned<PatientRecord>; index: number; known: Known },
): OwnedPlan {
  const { clinicId } = patient;
  const colleagues = known.practitioners.filter((one) => one.clinicId === clinicId);
  const created = new Date(FIRST_DAY + index * DAY_MS).toISOString();
  return {
    clinicId,
    madeInApp: index % 4 === 3,
    record: {
      id: prng.uuid(),
      state: prng.pick(['active', 'active', 'draft', 'cancelled']),
      patient: { id: patient.record.id },
      practitioner: { id: prng.pick(colleagues).record.id },
      available_at: created.slice(0, 10),
      created_at: created,
      updated_at: created,
      metadata: { id: null },
    },
  };
}

function makeOrder(
  prng: Prng,
  { plan, index, known }: { plan: OwnedPlan; index: number; known: Known },
): Owned<OrderRecord> {
  const [variant] = prng.pick(known.products).variants;
  return {
    clinicId: plan.clinicId,
    record: {
      id: prng.uuid(),
      order_number: `R${String(100_200_300 + index)}`,
      completed_at: new Date(Date.parse(plan.record.created_at) + DAY_MS).toISOString(),
      treatment_plan_ids: [plan.record.id],
      variant_ids: variant === undefined ? [] : [variant.id],
      patient_id: plan.record.patient.id,
    },
  };
}
