import { makeCatalog } from './catalog.js';
import { makeClinics } from './clinics.js';
import { makeOrders } from './orders.js';
import { makePatients } from './patients.js';
import { makePlans } from './plans.js';
import { createPrng } from './prng.js';
import type { DataSet } from './records.js';

/** One for each part, so that a change of one leaves the ids of the others as they are. */
const SEEDS = {
  clinics: 20_210_826,
  catalog: 20_210_827,
  patients: 20_210_828,
  plans: 20_210_829,
  orders: 20_210_830,
};
const PATIENTS_PER_CLINIC = [150, 90];

/**
 * The whole invented world, the same at every start. Each simulator owns its copy. All but the teams is made
 * when it is first asked for, which takes longer than the rest of a simulator's start.
 */
export function createDataSet(): DataSet {
  const team = makeClinics(createPrng(SEEDS.clinics));
  for (const [index, { clinicId, record }] of team.clinics.entries()) {
    record.patient_count = PATIENTS_PER_CLINIC[index] ?? 0;
    record.practitioner_count = team.practitioners.filter(
      (one) => one.clinicId === clinicId,
    ).length;
  }
  let made: DataSet | undefined;
  const whole = () => (made ??= makeWhole(team));
  return {
    ...team,
    get patients() {
      return whole().patients;
    },
    get plans() {
      return whole().plans;
    },
    get orders() {
      return whole().orders;
    },
    get brands() {
      return whole().brands;
    },
    get products() {
      return whole().products;
    },
  };
}

function makeWhole(team: ReturnType<typeof makeClinics>): DataSet {
  const catalog = makeCatalog(createPrng(SEEDS.catalog));
  const known = { ...team, ...catalog, patients: makeEverybody(team) };
  const plans = makePlans(createPrng(SEEDS.plans), known);
  const orders = makeOrders(createPrng(SEEDS.orders), { ...known, plans });
  return { ...known, plans, orders };
}

function makeEverybody({ clinics }: Pick<DataSet, 'clinics'>): DataSet['patients'] {
  const prng = createPrng(SEEDS.patients);
  const taken = new Set<string>();
  return clinics.flatMap(({ clinicId }, index) =>
    makePatients(prng, { clinicId, count: PATIENTS_PER_CLINIC[index] ?? 0, taken }),
  );
}
