import { z } from 'zod';
import type { ApiClient } from './api-client.js';
import { amount, httpsUrl, id, isoDate, requiredText } from './field.js';
import { getJson } from './json.js';
import type { Person } from './person.js';
import { getPractitioner, getStaff } from './team.js';

export type { Person } from './person.js';

// Only what pages show; unknown fields may appear at any time and are dropped.
const clinic = z.object({
  clinic: z.object({
    id,
    name: requiredText,
    patient_count: amount,
    practitioner_count: amount,
    dispensary_url: httpsUrl,
    integration_activated_at: isoDate,
  }),
});

export interface Clinic {
  readonly id: string;
  readonly name: string;
  readonly patientCount: number | undefined;
  readonly practitionerCount: number | undefined;
  /** Where its patients shop. */
  readonly dispensaryUrl: string | undefined;
  /** Since when the application works for the clinic. */
  readonly activatedAt: string | undefined;
}

/**
 * The clinic that the token belongs to.
 *
 * @see https://fullscript.dev/technical-reference/clinic
 */
export async function getClinic(api: ApiClient): Promise<Clinic> {
  const { clinic: wire } = await getJson(api, '/clinic', clinic);
  return {
    id: wire.id,
    name: wire.name,
    patientCount: wire.patient_count,
    practitionerCount: wire.practitioner_count,
    dispensaryUrl: wire.dispensary_url,
    activatedAt: wire.integration_activated_at,
  };
}

/**
 * The person behind a token. Fullscript has no "me"; the resource owner's type says where to look.
 * Undefined for `Clinic`, which is nobody.
 */
export async function getResourceOwner(
  api: ApiClient,
  owner: { id: string; type: string },
): Promise<Person | undefined> {
  if (owner.type === 'Practitioner') return getPractitioner(api, owner.id);
  if (owner.type === 'Staff') return getStaff(api, owner.id);
  return undefined;
}
