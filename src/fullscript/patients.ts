import { z } from 'zod';
import type { ApiClient } from './api-client.js';
import { idSegment } from './api-path.js';
import { amount, flag, isoDate, text } from './field.js';
import { getJson } from './json.js';
import { type PageOf, type PageRequest, pageOf, pageQuery } from './pagination.js';
import { type Person, personFields, toPerson } from './person.js';
import { searchText } from './search-text.js';

export interface PatientSummary extends Person {
  readonly archived: boolean;
}

export interface Patient extends PatientSummary {
  readonly dateOfBirth: string | undefined;
  /** `male`, `female`, `x`, or what Fullscript may add. */
  readonly gender: string | undefined;
  /** In per cent. */
  readonly discount: number | undefined;
  readonly mobileNumber: string | undefined;
  /** Whether the patient is told by text message. */
  readonly textMessages: boolean | undefined;
}

const summaryFields = personFields.extend({ archived: flag });
const patientFields = summaryFields.extend({
  date_of_birth: isoDate,
  gender: text,
  discount: amount,
  mobile_number: text,
  text_message_notification: flag,
});
const patients = pageOf('patients', summaryFields.transform(toSummary));
const onePatient = z.object({ patient: patientFields.transform(toPatient) });

/**
 * The clinic's patients; with a query, those that Fullscript finds.
 *
 * @see https://fullscript.dev/technical-reference/patients
 */
export async function listPatients(
  api: ApiClient,
  wanted: PageRequest & { readonly query?: string | undefined },
): Promise<PageOf<PatientSummary>> {
  const query = searchText(wanted.query);
  const path = query === undefined ? '/clinic/patients' : '/clinic/search/patients';
  return getJson(api, { path, query: pageQuery(wanted, { query }) }, patients);
}

/** @see https://fullscript.dev/technical-reference/patients */
export async function getPatient(api: ApiClient, id: string): Promise<Patient> {
  return (await getJson(api, `/clinic/patients/${idSegment(id)}`, onePatient)).patient;
}

function toSummary(wire: z.infer<typeof summaryFields>): PatientSummary {
  return { ...toPerson(wire), archived: wire.archived ?? false };
}

function toPatient(wire: z.infer<typeof patientFields>): Patient {
  return {
    ...toSummary(wire),
    dateOfBirth: wire.date_of_birth,
    gender: wire.gender,
    discount: wire.discount,
    mobileNumber: wire.mobile_number,
    textMessages: wire.text_message_notification,
  };
}
