import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../src/fullscript/api-client.js';
import { getBrand, getVariant, listBrands, listProducts } from '../../src/fullscript/catalog.js';
import { getClinic } from '../../src/fullscript/clinic.js';
import { listPatientOrders } from '../../src/fullscript/orders.js';
import type { PageOf } from '../../src/fullscript/pagination.js';
import { getPatient, listPatients } from '../../src/fullscript/patients.js';
import { readFailure } from '../../src/fullscript/read-failure.js';
import {
  getPractitioner,
  getStaff,
  listPractitioners,
  listStaff,
} from '../../src/fullscript/team.js';
import { listPatientPlans } from '../../src/fullscript/treatment-plans.js';
import { createDataSet } from '../../src/simulator/data/data-set.js';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js';
import { rejection } from '../fixtures/shown.js';
import { connect } from '../simulator/client.js';
import * as answers from './answers.js';
import { answeredJson, clientAt } from './client.js';

const first = { page: 1, size: 20 };
/** The simulator's world is the same at every start, so this copy knows its ids. */
const data = createDataSet();
const clinic = data.clinics[0]!.record;
const own = <T>(all: { clinicId: string; record: T }[]) =>
  all.filter(({ clinicId }) => clinicId === clinic.id).map(({ record }) => record);
const patients = own(data.patients);
const plans = own(data.plans);
const orders = own(data.orders);

const counted = (of: (id: string) => number) =>
  patients.map(({ id }) => id).sort((one, other) => of(other) - of(one))[0]!;
const plansOf = (id: string) => plans.filter(({ patient }) => patient.id === id);
const ordersOf = (id: string) => orders.filter((order) => order.patient_id === id);

let simulator: Simulator;
let api: ApiClient;

beforeAll(async () => {
  simulator = await startSimulator();
  api = clientAt(simulator.apiUrl, (await connect(simulator)).access_token);
});

afterAll(() => simulator.close());

const lastQuery = () => new URLSearchParams(simulator.requests.at(-1)!.search);
const { meta } = answers;
const placeOf = ({ items, ...place }: PageOf<unknown>) => ({ ...place, here: items.length });

describe('the clinic and its people', () => {
  it('the clinic → with the address of its shop and since when', async () => {
    expect(await getClinic(api)).toStrictEqual({
      id: clinic.id,
      name: clinic.name,
      patientCount: clinic.patient_count,
      practitionerCount: clinic.practitioner_count,
      dispensaryUrl: clinic.dispensary_url,
      activatedAt: clinic.integration_activated_at,
    });
  });

  it('practitioners → the list, and one of them', async () => {
    const [one] = own(data.practitioners);
    const person = {
      ...{ id: one!.id, email: one!.email },
      name: `${one!.first_name} ${one!.last_name}`,
    };
    const list = await listPractitioners(api, first);
    expect(list.items[0]).toStrictEqual(person);
    expect(list.total).toBe(own(data.practitioners).length);
    expect(await getPractitioner(api, one!.id)).toStrictEqual(person);
  });

  it('staff → the list and one of them, both under one key', async () => {
    const [one] = own(data.staff);
    const list = await listStaff(api, { page: 1, size: 1 });
    expect(list.items).toMatchObject([{ id: one!.id, email: one!.email }]);
    expect(list.total).toBe(own(data.staff).length);
    expect(await getStaff(api, one!.id)).toStrictEqual(list.items[0]);
  });
});

describe('patients', () => {
  it('first, middle and last page → the list in its order, with its neighbours', async () => {
    const pages = Math.ceil(patients.length / 20);
    const common = { pages, total: patients.length };
    const [one, two, last] = await Promise.all([
      listPatients(api, first),
      listPatients(api, { page: 2, size: 20 }),
      listPatients(api, { page: pages, size: 20 }),
    ]);
    expect(one.items.map(({ id }) => id)).toEqual(patients.slice(0, 20).map(({ id }) => id));
    expect(two.items.map(({ id }) => id)).toEqual(patients.slice(20, 40).map(({ id }) => id));
    expect(placeOf(one)).toEqual({ ...common, page: 1, previous: undefined, next: 2, here: 20 });
    expect(placeOf(two)).toEqual({ ...common, page: 2, previous: 1, next: 3, here: 20 });
    const rest = patients.length - 20 * (pages - 1);
    const end = { page: pages, previous: pages - 1, next: undefined, here: rest };
    expect(placeOf(last)).toEqual({ ...common, ...end });
  });

  it('a page beyond the end → empty, and the way back leads to the last one', async () => {
    const pages = Math.ceil(patients.length / 100);
    const beyond = await listPatients(api, { page: 99, size: 100 });
    expect(placeOf(beyond)).toMatchObject({ here: 0, page: 99, previous: pages, next: undefined });
  });

  it('a query → found by Fullscript, from its search', async () => {
    const wanted = patients[3]!;
    const query = `  ${wanted.first_name} ${wanted.last_name} `;
    const found = await listPatients(api, { ...first, query });
    expect(found.items.map(({ id }) => id)).toContain(wanted.id);
    expect(found.total).toBeLessThan(patients.length);
    expect(simulator.requests.at(-1)!.path).toBe('/api/clinic/search/patients');
    expect(lastQuery().get('query')).toBe(query.trim());
  });

  it('a query that nobody answers to → an empty page', async () => {
    const found = await listPatients(api, { ...first, query: 'zz & nobody=1;é' });
    expect(found).toMatchObject({ items: [], total: 0, next: undefined, previous: undefined });
    expect(lastQuery().get('query')).toBe('zz & nobody=1;é');
  });

  it('a query of spaces → the list', async () => {
    expect((await listPatients(api, { ...first, query: '   ' })).total).toBe(patients.length);
    expect(simulator.requests.at(-1)!.path).toBe('/api/clinic/patients');
    expect(lastQuery().has('query')).toBe(false);
  });

  it('one patient → the whole record', async () => {
    const wire = patients[0]!;
    expect(await getPatient(api, wire.id)).toStrictEqual({
      id: wire.id,
      name: `${wire.first_name} ${wire.last_name}`,
      email: wire.email,
      archived: wire.archived,
      dateOfBirth: wire.date_of_birth,
      gender: wire.gender,
      discount: wire.discount,
      mobileNumber: wire.mobile_number ?? undefined,
      textMessages: wire.text_message_notification,
    });
  });

  it('nobody of that id, and nobody of this clinic → fullscript_not_found', async () => {
    const stranger = data.patients.find(({ clinicId }) => clinicId !== clinic.id)!.record.id;
    for (const id of ['nobody', stranger]) {
      const error = await rejection(getPatient(api, id));
      expect(error).toMatchObject({ code: 'fullscript_not_found', status: 404 });
    }
  });

  it.each(['', '.', '..', 'a/b', '../../oauth/token', '\ud800', '%2e%2e', '\0'])(
    'id %j that no path can carry → refused, nothing is asked',
    async (id) => {
      const before = simulator.requests.length;
      const reads = [
        getPatient(api, id),
        listPatientPlans(api, id, first),
        listPatientOrders(api, id, first),
        getPractitioner(api, id),
        getStaff(api, id),
        getBrand(api, id),
        getVariant(api, id),
      ];
      for (const read of reads) {
        const error = await rejection(read);
        expect(error).toMatchObject({ code: 'path_refused' });
      }
      expect(simulator.requests.length).toBe(before);
    },
  );
});

describe('plans and orders', () => {
  it('plans → the newest first', async () => {
    const patient = counted((id) => plansOf(id).length);
    const expected = plansOf(patient).sort((one, other) =>
      other.created_at.localeCompare(one.created_at),
    );
    const { items, total } = await listPatientPlans(api, patient, first);
    expect(expected.length).toBeGreaterThan(0);
    expect(total).toBe(expected.length);
    expect(items[0]).toStrictEqual({
      id: expected[0]!.id,
      state: expected[0]!.state,
      practitionerId: expected[0]!.practitioner.id,
      availableAt: expected[0]!.available_at,
      createdAt: expected[0]!.created_at,
      updatedAt: expected[0]!.updated_at,
    });
    expect(lastQuery().get('sort_by')).toBe('created_at');
    expect(lastQuery().get('order_by')).toBe('DESC');
  });

  it('orders → with the plans and variants they are made of', async () => {
    const patient = counted((id) => ordersOf(id).length);
    const { items } = await listPatientOrders(api, patient, first);
    const wire = orders.find(({ id }) => id === items[0]?.id)!;
    expect(items).toHaveLength(ordersOf(patient).length);
    expect(items[0]).toStrictEqual({
      id: wire.id,
      number: wire.order_number,
      completedAt: wire.completed_at,
      planIds: wire.treatment_plan_ids,
      variantIds: wire.variant_ids,
    });
  });

  it('a patient without any → empty pages', async () => {
    const none = patients.find(({ id }) => plansOf(id).length + ordersOf(id).length === 0)!;
    const [noPlans, noOrders] = await Promise.all([
      listPatientPlans(api, none.id, first),
      listPatientOrders(api, none.id, first),
    ]);
    expect([noPlans.items, noOrders.items]).toEqual([[], []]);
  });
});

describe('the catalog', () => {
  it('brands → all, or the available ones', async () => {
    const all = await listBrands(api, { page: 1, size: 100 });
    const available = await listBrands(api, { page: 1, size: 100, available: true });
    const wire = data.brands[0]!;
    expect(all.items[0]).toStrictEqual({
      ...{ id: wire.id, name: wire.name, prefix: wire.prefix },
      available: wire.status === 'available',
    });
    expect(all.items).toHaveLength(60);
    expect(available.items).toEqual(all.items.filter((one) => one.available === true));
    expect(available.items.length).toBeLessThan(60);
    expect(await getBrand(api, wire.id)).toStrictEqual(all.items[0]);
  });

  it('brands that are not only the available ones → no filter', async () => {
    expect((await listBrands(api, { ...first, available: false })).total).toBe(60);
    expect(lastQuery().has('available')).toBe(false);
  });

  it.each<[string, object, string, Record<string, string>]>([
    ['nothing', {}, '/catalog/products', {}],
    ['blank words', { query: ' ', brandId: '' }, '/catalog/products', {}],
    ['words', { query: ' zinc ' }, '/catalog/search/products', { query: 'zinc' }],
    ['a brand', { brandId: 'b 1' }, '/catalog/search/products', { brand_id: 'b 1' }],
    [
      'both',
      { query: 'zinc', brandId: 'b-1' },
      '/catalog/search/products',
      { query: 'zinc', brand_id: 'b-1' },
    ],
  ])('products by %s → asked where Fullscript has them', async (...[, by, path, expected]) => {
    const { api: stub, requests } = answeredJson({ products: [] });
    await listProducts(stub, { page: 2, size: 10, ...by });
    expect(requests.map((one) => one.path)).toEqual([path]);
    const query = Object.fromEntries(new URLSearchParams(requests[0]!.query));
    expect(query).toEqual({ 'page[number]': '2', 'page[size]': '10', ...expected });
  });
});

describe('the fields of an answer of the simulator', () => {
  beforeAll(() => simulator.play('open_catalog'));
  afterAll(() => simulator.play('works'));

  /** All names in a record, those of records inside with their way; of a list, those of its first. */
  function namesIn(value: unknown, way = ''): string[] {
    if (Array.isArray(value)) return namesIn(value[0], way);
    if (typeof value !== 'object' || value === null) return [way];
    return Object.entries(value).flatMap(([name, field]) => namesIn(field, `${way}/${name}`));
  }
  const [product] = data.products;
  const patientOf = (wanted: (id: string) => unknown[]) => counted((id) => wanted(id).length);

  it.each<[path: string, documented: object, seenInClients?: string]>([
    ['/clinic', { clinic: answers.CLINIC }, '/clinic/margin_type'],
    [
      '/clinic/practitioners',
      { practitioners: [answers.PRACTITIONER], meta },
      '/practitioners/invite_accepted',
    ],
    ['/clinic/staff', { staff: [answers.PERSON], meta }],
    ['/clinic/patients', { patients: [answers.LISTED_PATIENT], meta }],
    ['/clinic/search/patients', { patients: [answers.LISTED_PATIENT], meta }],
    [`/clinic/patients/${patients[0]!.id}`, { patient: answers.PATIENT }],
    [
      `/clinic/patients/${patientOf(plansOf)}/treatment_plans`,
      { treatment_plans: [answers.PLAN], meta },
    ],
    [`/clinic/patients/${patientOf(ordersOf)}/orders`, { orders: [answers.ORDER], meta }],
    ['/catalog/brands', { brands: [answers.BRAND], meta }],
    ['/catalog/products', { products: [answers.PRODUCT], meta }],
    ['/catalog/search/products', { products: [answers.PRODUCT], meta }],
    [`/catalog/products/${product!.id}`, { product: answers.WHOLE_PRODUCT }],
    [`/catalog/variants/${product!.variants[0].id}`, { variant: answers.VARIANT }],
  ])('%s → those that are documented', async (...[path, documented, seenInClients]) => {
    const { body } = await api.request({ method: 'GET', path });
    const names = namesIn(JSON.parse(body.toString())).filter((name) => name !== seenInClients);
    expect(names.sort()).toEqual(namesIn(documented).sort());
  });

  it('a list of products → each with the price of its main variant', async () => {
    const { items } = await listProducts(api, first);
    expect(items.map(({ price }) => price)).toEqual(
      data.products.slice(0, 20).map(({ variants }) => variants[0].msrp),
    );
  });
});

describe('reads that fail', () => {
  const granted = ['catalog:read', 'patients:read'];
  const failureOf = async (read: Promise<unknown>, scope = 'patients:read') =>
    readFailure(await rejection(read), { scope, granted });

  it.each<[string, number, Record<string, string>, object]>([
    ['403 with the scope', 403, {}, { kind: 'restricted' }],
    ['429', 429, { 'retry-after': '7' }, { kind: 'rate_limited', retryAfterMs: 7_000 }],
    ['500', 500, {}, { kind: 'trouble' }],
    ['200 with a page of HTML', 200, {}, { kind: 'garbage' }],
  ])('%s → said as such', async (...[, status, headers, expected]) => {
    const endpoint = 'api' as const;
    simulator.faults.add({ kind: 'status', endpoint, status, headers, body: '<p>', times: 1 });
    expect(await failureOf(listPatients(api, first))).toMatchObject(expected);
  });

  it('a token without the scope → scope_missing', async () => {
    simulator.setScopes(['catalog:read', 'patients:read']);
    const narrow = clientAt(simulator.apiUrl, (await connect(simulator)).access_token);
    const refused = listPatientOrders(narrow, patients[0]!.id, first);
    expect(await failureOf(refused, 'patients:order_history')).toMatchObject({
      kind: 'scope_missing',
    });
  });

  it('nobody listens → offline', async () => {
    const gone = await startSimulator();
    const lost = clientAt(gone.apiUrl);
    await gone.close();
    expect(await failureOf(getClinic(lost))).toStrictEqual({ kind: 'offline' });
  });

  it('a token that is refused → undefined, for the caller to throw on', async () => {
    expect(await failureOf(getClinic(clientAt(simulator.apiUrl, 'unknown')))).toBeUndefined();
  });
});
