import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import type { ApiClient } from '../../src/fullscript/api-client.js';
import { getBrand, getVariant, listBrands, listProducts } from '../../src/fullscript/catalog.js';
import { getClinic, getResourceOwner } from '../../src/fullscript/clinic.js';
import { FullscriptApiError } from '../../src/fullscript/errors.js';
import { listPatientOrders } from '../../src/fullscript/orders.js';
import { getPatient, listPatients } from '../../src/fullscript/patients.js';
import {
  getPractitioner,
  getStaff,
  listPractitioners,
  listStaff,
} from '../../src/fullscript/team.js';
import { listPatientPlans } from '../../src/fullscript/treatment-plans.js';
import {
  BRAND,
  CLINIC,
  LISTED_PATIENT,
  ORDER,
  PATIENT,
  PERSON,
  PLAN,
  PRACTITIONER,
  PRODUCT,
  VARIANT,
  meta,
} from './answers.js';
import { answeredJson, answeredWith } from './client.js';

const first = { page: 1, size: 20 };
/** What a page relies on: nothing that breaks a link, a date or a sum. */
const shapes = {
  id: z.string().refine((id) => id !== '' && encodeURIComponent(id) !== ''),
  text: z.string().refine((text) => text !== '' && text.trim() === text),
  date: z.string().refine((text) => new Date(text).toISOString() !== ''),
  amount: z.number().nonnegative(),
  page: z.number().int().positive(),
};
const maybe = <T extends z.ZodType>(shape: T) => z.union([shape, z.undefined()]);
const person = { id: shapes.id, name: z.string(), email: maybe(shapes.text) };
const summary = { ...person, archived: z.boolean() };
const patient = z.strictObject({
  ...summary,
  dateOfBirth: maybe(shapes.date),
  gender: maybe(shapes.text),
  discount: maybe(shapes.amount),
  mobileNumber: maybe(shapes.text),
  textMessages: maybe(z.boolean()),
});
const plan = z.strictObject({
  id: shapes.id,
  state: maybe(shapes.text),
  practitionerId: maybe(shapes.id),
  availableAt: maybe(shapes.date),
  createdAt: maybe(shapes.date),
  updatedAt: maybe(shapes.date),
});
const order = z.strictObject({
  id: shapes.id,
  number: maybe(shapes.text),
  completedAt: maybe(shapes.date),
  planIds: z.array(shapes.id),
  variantIds: z.array(shapes.id),
});
const brand = z.strictObject({
  ...{ id: shapes.id, name: shapes.text, prefix: maybe(shapes.text) },
  available: maybe(z.boolean()),
});
const product = z.strictObject({
  ...{ id: shapes.id, name: shapes.text, brandName: maybe(shapes.text) },
  price: maybe(shapes.text),
});
const variant = z.strictObject({
  ...{ id: shapes.id, productName: maybe(shapes.text), brandName: maybe(shapes.text) },
});
const clinic = z.strictObject({
  id: shapes.id,
  name: shapes.text,
  patientCount: maybe(shapes.amount),
  practitionerCount: maybe(shapes.amount),
  dispensaryUrl: maybe(z.string().startsWith('https://')),
  activatedAt: maybe(shapes.date),
});
const pageOf = (item: z.ZodType) =>
  z
    .strictObject({
      items: z.array(item),
      page: shapes.page,
      previous: maybe(shapes.page),
      next: maybe(shapes.page),
      pages: maybe(shapes.page),
      total: maybe(z.number().int().nonnegative()),
    })
    .refine(({ page, previous = 0, next = Infinity }) => previous < page && page < next);

type Read = (api: ApiClient) => Promise<unknown>;

/** Every read there is, what Fullscript documents as its answer, and what comes of it. */
const READS: [name: string, read: Read, answer: Record<string, unknown>, shape: z.ZodType][] = [
  ['getClinic', (api) => getClinic(api), { clinic: CLINIC }, clinic],
  [
    'getResourceOwner',
    (api) => getResourceOwner(api, { id: 'u-1', type: 'Practitioner' }),
    { practitioner: PRACTITIONER },
    z.strictObject(person),
  ],
  [
    'listPractitioners',
    (api) => listPractitioners(api, first),
    { practitioners: [PRACTITIONER], meta },
    pageOf(z.strictObject(person)),
  ],
  [
    'getPractitioner',
    (api) => getPractitioner(api, 'u-1'),
    { practitioner: PRACTITIONER },
    z.strictObject(person),
  ],
  [
    'listStaff',
    (api) => listStaff(api, first),
    { staff: [PERSON], meta },
    pageOf(z.strictObject(person)),
  ],
  ['getStaff', (api) => getStaff(api, 'u-1'), { staff: PERSON }, z.strictObject(person)],
  [
    'listPatients',
    (api) => listPatients(api, first),
    { patients: [LISTED_PATIENT, PERSON], meta },
    pageOf(z.strictObject(summary)),
  ],
  ['getPatient', (api) => getPatient(api, 'u-1'), { patient: PATIENT }, patient],
  [
    'listPatientPlans',
    (api) => listPatientPlans(api, 'u-1', first),
    { treatment_plans: [PLAN], meta },
    pageOf(plan),
  ],
  [
    'listPatientOrders',
    (api) => listPatientOrders(api, 'u-1', first),
    { orders: [ORDER], meta },
    pageOf(order),
  ],
  ['listBrands', (api) => listBrands(api, first), { brands: [BRAND], meta }, pageOf(brand)],
  ['getBrand', (api) => getBrand(api, 'b-1'), { brand: BRAND }, brand],
  [
    'listProducts',
    (api) => listProducts(api, first),
    { products: [PRODUCT], meta },
    pageOf(product),
  ],
  ['getVariant', (api) => getVariant(api, 'v-1'), { variant: VARIANT }, variant],
];

/** The answer with each of its parts there, gone, or something else. */
function damaged(value: unknown): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 7, arbitrary: damagedInside(value) },
    { weight: 1, arbitrary: fc.constantFrom(...ODD) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

function damagedInside(value: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(value)) {
    return fc.array(fc.oneof(...value.map(damaged)), { maxLength: 4 });
  }
  if (typeof value !== 'object' || value === null) return fc.constant(value);
  const fields = Object.entries(value).map(([name, field]) => [name, damaged(field)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

const ODD: unknown[] = [
  ...[null, true, 0, -1, 7, 1.5, 1e21, 1e300, '', ' ', '7', '-1', '1e400', 'NaN', [], {}, [[]]],
  ...['\ud800', '\0', '..', '2026-13-45', '9999999-01-01', '2026-02-01T25:61:61Z', '2026-02-30'],
  ...['javascript:alert(1)', 'http://h/', 'https://', 'https://a:b@h/', ' HTTPS://H/x '],
];

/** What a read comes to; only an error of the right class counts as one. */
async function outcome(read: Promise<unknown>): Promise<{ value: unknown } | { code: string }> {
  try {
    return { value: await read };
  } catch (error) {
    if (!(error instanceof FullscriptApiError)) throw error;
    return { code: error.code };
  }
}

describe('every read', () => {
  it.each(READS)(
    '%s: the documented answer → the right shape',
    async (...[, read, body, shape]) => {
      const value = await read(answeredJson(body).api);
      expect(shape.safeParse(value).error).toBeUndefined();
    },
  );

  /** What is shown of each of them on our pages, so that no field is read that never comes. */
  const complete = READS.filter(([name]) => name !== 'listPatients');

  it.each(complete)(
    '%s: the documented answer → nothing of it is missing',
    async (_n, read, body) => {
      const value = (await read(answeredJson(body).api)) as { items?: unknown[] };
      const [record] = value.items ?? [value];
      const missing = Object.entries(record as object).filter(([, field]) => field === undefined);
      expect(missing).toEqual([]);
    },
  );

  it.each(READS)(
    '%s: any JSON → the right shape, or an error of the API',
    async (...[, read, body, shape]) => {
      const seen = { read: 0, refused: 0 };
      await fc.assert(
        fc.asyncProperty(damaged(body), async (answer) => {
          const result = await outcome(read(answeredJson(answer).api));
          seen['value' in result ? 'read' : 'refused'] += 1;
          if ('value' in result) expect(shape.safeParse(result.value).error).toBeUndefined();
          else expect(result.code).toBe('fullscript_unexpected');
        }),
        { numRuns: 250 },
      );
      expect(seen.read).toBeGreaterThan(0);
      expect(seen.refused).toBeGreaterThan(0);
    },
  );

  it.each(READS)('%s: any text → an error of the API', async (_name, read) => {
    const text = fc.string({ unit: 'binary' }).filter((one) => !one.trim().startsWith('{'));
    await fc.assert(
      fc.asyncProperty(text, async (body) => {
        const { api } = answeredWith(body);
        expect(await outcome(read(api))).toEqual({ code: 'fullscript_unexpected' });
      }),
      { numRuns: 30 },
    );
  });
});
