import type { Prng } from './prng.js';
import type { DataSet, Owned, OwnedPlan, PatientRecord } from './records.js';

const DAY_MS = 86_400_000;
/** The clinics connected on 5 January; nothing is older. */
const FIRST_DAY = Date.UTC(2026, 0, 12);
/** The last day in the clinics' books: dates are the same whenever the simulator starts. */
export const LAST_DAY = Date.UTC(2026, 9, 30);

/** How many plans patients have; nearly half of them have none yet. */
const COUNTS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 5];

type Known = Pick<DataSet, 'patients' | 'practitioners'>;

/** Gives many patients a treatment plan, and some of them several. */
export function makePlans(prng: Prng, { patients, practitioners }: Known): OwnedPlan[] {
  return patients.flatMap((patient) => {
    const team = practitioners.filter((one) => one.clinicId === patient.clinicId);
    const usual = prng.pick(team).record.id;
    const starts = Array.from({ length: prng.pick(COUNTS) }, () => workingTime(prng)).sort(
      (one, other) => one - other,
    );
    return starts.map((created, index) => {
      // Most people stay with one practitioner.
      const by = prng.below(4) === 0 ? prng.pick(team).record.id : usual;
      return makePlan(prng, { patient, by, created, isLatest: index === starts.length - 1 });
    });
  });
}

interface Start {
  patient: Owned<PatientRecord>;
  by: string;
  created: number;
  isLatest: boolean;
}

function makePlan(prng: Prng, { patient, by, created, isLatest }: Start): OwnedPlan {
  const { clinicId, record } = patient;
  const state = stateOf(prng, isLatest, record.archived);
  const daysLater = state === 'draft' ? prng.below(3) : prng.below(45);
  const touched = created + daysLater * DAY_MS + (prng.below(170) + 5) * 60_000;
  return {
    clinicId,
    madeInApp: prng.below(4) === 0,
    record: {
      id: prng.uuid(),
      state,
      patient: { id: record.id },
      practitioner: { id: by },
      available_at: new Date(created + prng.pick([0, 0, 1, 3]) * DAY_MS).toISOString().slice(0, 10),
      created_at: new Date(created).toISOString(),
      updated_at: new Date(Math.min(touched, LAST_DAY)).toISOString(),
      metadata: { id: null },
    },
  };
}

/** Only the latest plan may still be a draft, and those who have left the clinic have none running. */
function stateOf(prng: Prng, isLatest: boolean, archived: boolean): string {
  if (archived) return 'cancelled';
  if (!isLatest) return prng.pick(['active', 'active', 'cancelled']);
  return prng.pick(['active', 'active', 'active', 'active', 'draft', 'cancelled']);
}

/** Some time between nine and five on a weekday; the clinics' clocks are five hours behind. */
function workingTime(prng: Prng): number {
  const day = FIRST_DAY + prng.below((LAST_DAY - FIRST_DAY) / DAY_MS - 1) * DAY_MS;
  const weekday = new Date(day).getUTCDay();
  const open = weekday === 0 || weekday === 6 ? day - 2 * DAY_MS : day;
  return open + 14 * 3_600_000 + prng.below(8 * 60) * 60_000 + prng.below(60) * 1000;
}
