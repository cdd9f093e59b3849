import type { Prng } from './prng.js';
import type {
  ClinicRecord,
  DataSet,
  Owned,
  Person,
  PractitionerRecord,
  StaffRecord,
} from './records.js';

type ClinicPart = Pick<DataSet, 'clinics' | 'practitioners' | 'staff' | 'people'>;
type Name = readonly [first: string, last: string];

const TEAMS: readonly { name: string; practitioners: readonly Name[]; staff: readonly Name[] }[] = [
  {
    name: 'Birch Lane Wellness',
    practitioners: [
      ['Ana', 'Osei'],
      ['Tomas', 'Brandt'],
      ['Leila', 'Haddad'],
    ],
    staff: [
      ['Nora', 'Quigley'],
      ['Idris', 'Vance'],
    ],
  },
  {
    name: 'Harbour Street Health',
    practitioners: [
      ['Marit', 'Lindqvist'],
      ['Joel', 'Kamau'],
    ],
    staff: [['Paige', 'Whitlock']],
  },
];

/** Makes the two clinics and everybody who can sign in. */
export function makeClinics(prng: Prng): ClinicPart {
  const part: ClinicPart = { clinics: [], practitioners: [], staff: [], people: [] };
  const practitionerTypeId = prng.uuid();
  for (const team of TEAMS) {
    const clinic = makeClinic(prng, team.name);
    const clinicId = clinic.id;
    part.clinics.push({ clinicId, record: clinic });
    for (const name of team.practitioners) {
      const record: PractitionerRecord = {
        ...makeUser(prng, name),
        practitioner_type_id: practitionerTypeId,
        invite_accepted: true,
      };
      part.practitioners.push({ clinicId, record });
      part.people.push(personOf({ clinicId, record }, 'Practitioner', team.name));
    }
    for (const name of team.staff) {
      const owned = { clinicId, record: makeUser(prng, name) };
      part.staff.push(owned);
      part.people.push(personOf(owned, 'Staff', team.name));
    }
  }
  return part;
}

function makeClinic(prng: Prng, name: string): ClinicRecord {
  const slug = name.toLowerCase().replaceAll(' ', '-');
  return {
    id: prng.uuid(),
    name,
    patient_count: 0,
    practitioner_count: 0,
    discount: 10,
    dispensary_url: `https://dispensary.example.test/${slug}`,
    integration_id: prng.uuid(),
    integration_activated_at: '2026-01-05T05:00:00.000Z',
    margin_type: 'full_margin',
  };
}

function makeUser(prng: Prng, [first, last]: Name): StaffRecord {
  const email = `${first}.${last}@example.test`.toLowerCase();
  return { id: prng.uuid(), first_name: first, last_name: last, email, metadata: { id: null } };
}

function personOf(owned: Owned<StaffRecord>, type: Person['type'], clinicName: string): Person {
  const { id, first_name, last_name, email } = owned.record;
  const name = `${first_name} ${last_name}`;
  return { id, type, name, email, clinicId: owned.clinicId, clinicName };
}
