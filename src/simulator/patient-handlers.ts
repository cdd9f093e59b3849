import { randomUUID } from 'node:crypto';
import { type Answer, jsonAnswer, notFoundAnswer } from './answer.js';
import type { BearerHandler } from './bearer.js';
import { type Call, field } from './call.js';
import type { DataSet, Owned, PatientRecord } from './data/records.js';
import { paginate } from './pagination.js';
import { wordsOf } from './search-words.js';

const REQUIRED = { first_name: 'First name', last_name: 'Last name', email: 'Email' } as const;
const GENDERS = new Set(['male', 'female', 'x']);

type Problem = string;

/**
 * Lists the clinic's patients, short form, narrowed by `query` on the search path. Nobody here depends
 * on anybody, so that the other two values of `patient_type` find nobody.
 */
export function listPatients(data: DataSet): BearerHandler {
  return (call, { clinicId }) => {
    const words = wordsOf(call.query.get('query'));
    const found = data.patients
      .filter((one) => one.clinicId === clinicId && includesEverybody(call))
      .filter((one) => words.every((word) => mentions(one.record, word)));
    const { items, meta } = paginate(call, found);
    return jsonAnswer(200, { patients: items.map(({ record }) => shortForm(record)), meta });
  };
}

/** Makes a patient: 201, or 422 naming what is missing. */
export function createPatient(data: DataSet): BearerHandler {
  return (call, { clinicId }) => {
    const given = readPatient(call);
    const missing = Object.entries(REQUIRED)
      .filter(([name]) => field(call, name) === undefined)
      .map(([, label]) => `${label} can't be blank`);
    const problems = [...missing, ...given.problems];
    if (problems.length > 0) return unprocessable(problems);
    const record: PatientRecord = { ...emptyPatient(), ...given.fields };
    data.patients.push({ clinicId, record });
    return jsonAnswer(201, { patient: record });
  };
}

/** One patient, whole. */
export function showPatient(data: DataSet): BearerHandler {
  return (call, { clinicId }) => {
    const patient = findPatient(data, clinicId, call.params['id']);
    return patient === undefined ? notFoundAnswer() : jsonAnswer(200, { patient: patient.record });
  };
}

/** Changes a patient; a field that is sent empty counts as missing. */
export function updatePatient(data: DataSet): BearerHandler {
  return (call, { clinicId }) => {
    const patient = findPatient(data, clinicId, call.params['id']);
    if (patient === undefined) return notFoundAnswer();
    const given = readPatient(call);
    const blanked = Object.entries(REQUIRED)
      .filter(([name]) => name in call.fields && field(call, name) === undefined)
      .map(([, label]) => `${label} can't be blank`);
    const problems = [...blanked, ...given.problems];
    if (problems.length > 0) return unprocessable(problems);
    Object.assign(patient.record, given.fields);
    return jsonAnswer(200, { patient: patient.record });
  };
}

/** Finds a patient of this clinic. */
export function findPatient(
  data: DataSet,
  clinicId: string,
  id: string | undefined,
): Owned<PatientRecord> | undefined {
  return data.patients.find((one) => one.clinicId === clinicId && one.record.id === id);
}

function readPatient(call: Call): { fields: Partial<PatientRecord>; problems: Problem[] } {
  const problems: Problem[] = [];
  const fields: Partial<PatientRecord> = {};
  for (const name of ['first_name', 'last_name', 'email', 'mobile_number'] as const) {
    const value = field(call, name);
    if (value !== undefined) fields[name] = value;
  }
  const born = field(call, 'date_of_birth');
  if (born !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(born)) fields.date_of_birth = born;
  else if (born !== undefined) problems.push('Date of birth is invalid');
  const gender = field(call, 'gender');
  if (gender !== undefined && GENDERS.has(gender)) fields.gender = gender;
  else if (gender !== undefined) problems.push('Gender is not included in the list');
  const discount = Number(field(call, 'discount'));
  if (Number.isFinite(discount)) fields.discount = discount;
  const { metadata } = call.fields;
  if (typeof metadata === 'object' && metadata !== null && 'id' in metadata) {
    fields.metadata = { id: typeof metadata.id === 'string' ? metadata.id : null };
  }
  return { fields, problems };
}

function emptyPatient(): PatientRecord {
  return {
    id: randomUUID(),
    first_name: '',
    last_name: '',
    email: '',
    metadata: { id: null },
    archived: false,
    date_of_birth: '',
    gender: '',
    discount: 0,
    total_discount: 10,
    mobile_number: null,
    text_message_notification: false,
  };
}

function shortForm({ id, first_name, last_name, email, archived }: PatientRecord): unknown {
  return { id, first_name, last_name, email, archived };
}

function includesEverybody(call: Call): boolean {
  return !['dependent', 'guardian'].includes(call.query.get('patient_type') ?? 'all');
}

function mentions(patient: PatientRecord, word: string): boolean {
  const text = `${patient.first_name} ${patient.last_name} ${patient.email}`;
  return text.toLowerCase().includes(word);
}

/** Here `error` is text that holds a JSON array, as in Fullscript's own sample. */
export function unprocessable(problems: Problem[]): Answer {
  return jsonAnswer(422, { error: JSON.stringify(problems) });
}
