import { z } from 'zod';
import type { ApiClient } from './api-client.js';
import { idSegment } from './api-path.js';
import { getJson } from './json.js';
import { type PageOf, type PageRequest, pageOf, pageQuery } from './pagination.js';
import { type Person, person } from './person.js';

const onePractitioner = z.object({ practitioner: person });
const practitioners = pageOf('practitioners', person);
// One key for the list and for one of them.
const oneOfStaff = z.object({ staff: person });
const staff = pageOf('staff', person);

/** @see https://fullscript.dev/technical-reference/practitioners */
export async function listPractitioners(
  api: ApiClient,
  page: PageRequest,
): Promise<PageOf<Person>> {
  return getJson(api, { path: '/clinic/practitioners', query: pageQuery(page) }, practitioners);
}

/** @see https://fullscript.dev/technical-reference/practitioners */
export async function getPractitioner(api: ApiClient, id: string): Promise<Person> {
  const answer = await getJson(api, `/clinic/practitioners/${idSegment(id)}`, onePractitioner);
  return answer.practitioner;
}

/**
 * Clerks who act for practitioners.
 *
 * @see https://fullscript.dev/technical-reference/staff
 */
export async function listStaff(api: ApiClient, page: PageRequest): Promise<PageOf<Person>> {
  return getJson(api, { path: '/clinic/staff', query: pageQuery(page) }, staff);
}

/** @see https://fullscript.dev/technical-reference/staff */
export async function getStaff(api: ApiClient, id: string): Promise<Person> {
  return (await getJson(api, `/clinic/staff/${idSegment(id)}`, oneOfStaff)).staff;
}
