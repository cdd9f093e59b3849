import { LAST_DAY } from './plans.js';
import type { Prng } from './prng.js';
import type { DataSet, OrderRecord, Owned } from './records.js';

const DAY_MS = 86_400_000;
const FIRST_NUMBER = 100_200_300;
const MAX_VARIANTS = 4;
/** The clinics' clocks, as the offset and in milliseconds. */
const ZONE = { offset: '-05:00', ms: 5 * 3_600_000 };

type Known = Pick<DataSet, 'patients' | 'plans' | 'products'>;

interface Purchase {
  clinicId: string;
  patientId: string;
  planIds: string[];
  variantIds: string[];
  at: number;
}

/** Most plans were ordered from, some again later; a few patients order on their own. Latest first. */
export function makeOrders(prng: Prng, known: Known): Owned<OrderRecord>[] {
  const purchases = [...fromPlans(prng, known), ...onTheirOwn(prng, known)]
    .filter(({ at }) => at < LAST_DAY)
    .sort((one, other) => one.at - other.at);
  return purchases.map((purchase, index) => makeOrder(prng, purchase, index)).reverse();
}

function fromPlans(prng: Prng, { plans, products }: Known): Purchase[] {
  return plans.flatMap(({ clinicId, record }) => {
    const isOrdered = record.state !== 'draft' && prng.below(10) < 7;
    const first = Date.parse(record.created_at) + (prng.below(20) + 1) * DAY_MS;
    const variantIds = chooseVariants(prng, products);
    const times = isOrdered ? [first, ...(prng.below(3) === 0 ? [first + 30 * DAY_MS] : [])] : [];
    const { id: planId, patient } = record;
    return times.map((at) => ({
      clinicId,
      patientId: patient.id,
      planIds: [planId],
      variantIds,
      at: at + prng.below(600) * 60_000,
    }));
  });
}

function onTheirOwn(prng: Prng, { patients, products }: Known): Purchase[] {
  return patients
    .filter(() => prng.below(8) === 0)
    .map(({ clinicId, record }) => ({
      clinicId,
      patientId: record.id,
      planIds: [],
      variantIds: chooseVariants(prng, products),
      at: LAST_DAY - (prng.below(200) + 1) * DAY_MS + prng.below(1200) * 60_000,
    }));
}

/** A variant each of one to four products. */
function chooseVariants(prng: Prng, products: Known['products']): string[] {
  return prng
    .several(products, prng.below(MAX_VARIANTS) + 1)
    .map(({ variants }) => prng.pick(variants).id);
}

function makeOrder(prng: Prng, purchase: Purchase, index: number): Owned<OrderRecord> {
  const { clinicId, patientId, planIds, variantIds, at } = purchase;
  const local = new Date(at - ZONE.ms).toISOString().replace('Z', ZONE.offset);
  return {
    clinicId,
    record: {
      id: prng.uuid(),
      order_number: `R${String(FIRST_NUMBER + index)}`,
      completed_at: local,
      treatment_plan_ids: planIds,
      variant_ids: variantIds,
      patient_id: patientId,
    },
  };
}
