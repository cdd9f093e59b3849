import type { Patient } from '../fullscript/patients.js';
import { day } from './moment.js';

const GENDERS = new Map([
  ['male', 'Male'],
  ['female', 'Female'],
  ['x', 'X'],
]);

/** What is known of a patient, as rows of label and value. */
export function patientDetails(patient: Patient): (readonly [label: string, value: string])[] {
  const { email, mobileNumber, dateOfBirth, gender, discount, textMessages, archived } = patient;
  const rows: (readonly [string, string | undefined])[] = [
    ['Email', email],
    ['Mobile', mobileNumber],
    ['Date of birth', day(dateOfBirth)?.text],
    ['Gender', gender === undefined ? undefined : (GENDERS.get(gender) ?? gender)],
    ['Discount', discount === undefined ? undefined : `${discount}%`],
    ['Text messages', textMessages === undefined ? undefined : yesOrNo(textMessages)],
    ['Archived', archived ? 'Yes' : undefined],
  ];
  return rows.filter((row): row is readonly [string, string] => row[1] !== undefined);
}

function yesOrNo(value: boolean): string {
  return value ? 'Yes' : 'No';
}
