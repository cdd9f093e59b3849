import { makeCatalog } from './catalog.js';
import { makeClinics } from './clinics.js';
import { makeHistory } from './history.js';
import { makePatients } from './patients.js';
import { createPrng } from './prng.js';
import type { DataSet } from './records.js';

const SEED = 20_210_826;
const PATIENTS_PER_CLINIC = [150, 90];

/** Builds the whole invented world, the same at every start. Each simulator owns its copy. */
export function createDataSet(): DataSet {
  const prng = createPrng(SEED);
  const team = makeClinics(prng);
  const catalog = makeCatalog(prng);
  const patients = team.clinics.flatMap(({ clinicId }, index) =>
    makePatients(prng, clinicId, PATIENTS_PER_CLINIC[index] ?? 0),
  );
  const known = { ...team, ...catalog, patients };
  for (const { clinicId, record } of team.clinics) {
    record.patient_count = patients.filter((one) => one.clinicId === clinicId).length;
    record.practitioner_count = team.practitioners.filter(
      (one) => one.clinicId === clinicId,
    ).length;
  }
  return { ...known, ...makeHistory(prng, known) };
}
