import { z } from 'zod';
import type { ApiClient } from './api-client.js';
import { getJson } from './json.js';

// Only what pages show; unknown fields may appear at any time and are dropped.
const clinic = z.object({
  clinic: z.object({
    id: z.string(),
    name: z.string(),
    patient_count: z.number().optional().catch(undefined),
    practitioner_count: z.number().optional().catch(undefined),
  }),
});
const person = z.object({
  id: z.string(),
  first_name: z.string().nullish().catch(undefined),
  last_name: z.string().nullish().catch(undefined),
  email: z.string().nullish().catch(undefined),
});

export interface Clinic {
  readonly id: string;
  readonly name: string;
  readonly patientCount: number | undefined;
  readonly practitionerCount: number | undefined;
}

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly email: string | undefined;
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
  const id = encodeURIComponent(owner.id);
  if (owner.type === 'Practitioner') {
    const answer = z.object({ practitioner: person });
    return toPerson((await getJson(api, `/clinic/practitioners/${id}`, answer)).practitioner);
  }
  if (owner.type === 'Staff') {
    return toPerson((await getJson(api, `/clinic/staff/${id}`, z.object({ staff: person }))).staff);
  }
  return undefined;
}

function toPerson(wire: z.infer<typeof person>): Person {
  const name = [wire.first_name, wire.last_name].filter(Boolean).join(' ');
  return { id: wire.id, name, email: wire.email ?? undefined };
}
