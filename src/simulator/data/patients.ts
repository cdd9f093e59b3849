import { FIRST_NAMES, LAST_NAMES } from './names.js';
import type { Prng } from './prng.js';
import type { Owned, PatientRecord } from './records.js';

const DAY_MS = 86_400_000;
const FIRST_BIRTHDAY = Date.UTC(1940, 0, 1);

/** As often as they come. */
const GENDERS = [
  ...(['female', 'female', 'female', 'female', 'female', 'female'] as const),
  ...(['male', 'male', 'male', 'male', 'male', 'x'] as const),
];

/** Makes `count` patients of one clinic. `taken` are the addresses that others have already. */
export function makePatients(
  prng: Prng,
  { clinicId, count, taken }: { clinicId: string; count: number; taken: Set<string> },
): Owned<PatientRecord>[] {
  return Array.from({ length: count }, () => ({ clinicId, record: makePatient(prng, taken) }));
}

function makePatient(prng: Prng, taken: Set<string>): PatientRecord {
  const gender = prng.pick(GENDERS);
  const [first, last] = [prng.pick(FIRST_NAMES[gender]), prng.pick(LAST_NAMES)];
  const born = new Date(FIRST_BIRTHDAY + prng.below(27_000) * DAY_MS);
  const discount = prng.pick([0, 0, 5, 10]);
  return {
    id: prng.uuid(),
    first_name: first,
    last_name: last,
    email: freeAddress(`${first}.${last}`.toLowerCase(), taken),
    metadata: { id: null },
    archived: prng.below(20) === 0,
    date_of_birth: born.toISOString().slice(0, 10),
    gender,
    discount,
    // On top of the clinic's own ten per cent.
    total_discount: 10 + discount,
    // 555-01xx is the range kept for fiction.
    mobile_number:
      prng.below(3) === 0 ? null : `+1613555${String(100 + prng.below(100)).padStart(4, '0')}`,
    text_message_notification: prng.below(2) === 0,
  };
}

/** Two patients may share a name, but never an address. */
function freeAddress(name: string, taken: Set<string>): string {
  let address = `${name}@example.test`;
  for (let number = 2; taken.has(address); number += 1) {
    address = `${name}${String(number)}@example.test`;
  }
  taken.add(address);
  return address;
}
