import { inventName } from './clinics.js';
import type { Prng } from './prng.js';
import type { Owned, PatientRecord } from './records.js';

const DAY_MS = 86_400_000;
const FIRST_BIRTHDAY = Date.UTC(1940, 0, 1);

/** Makes `count` patients of one clinic. */
export function makePatients(prng: Prng, clinicId: string, count: number): Owned<PatientRecord>[] {
  return Array.from({ length: count }, (_, index) => ({
    clinicId,
    record: makePatient(prng, index + 1),
  }));
}

function makePatient(prng: Prng, number: number): PatientRecord {
  const [first, last] = inventName(prng);
  const suffix = prng.below(9000) + 1000;
  const born = new Date(FIRST_BIRTHDAY + prng.below(27_000) * DAY_MS);
  return {
    id: prng.uuid(),
    first_name: first,
    last_name: last,
    // Numbered: two patients may share a name, but never an address.
    email: `${first}.${last}.${number}${suffix}@example.test`.toLowerCase(),
    metadata: { id: null },
    archived: prng.below(20) === 0,
    date_of_birth: born.toISOString().slice(0, 10),
    gender: prng.pick(['male', 'female', 'x']),
    discount: prng.pick([0, 5, 10]),
    total_discount: 10,
    // 555-01xx is the range kept for fiction.
    mobile_number:
      prng.below(3) === 0 ? null : `+1613555${String(100 + prng.below(100)).padStart(4, '0')}`,
    text_message_notification: prng.below(2) === 0,
  };
}
