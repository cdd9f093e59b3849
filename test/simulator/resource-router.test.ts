import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDataSet } from '../../src/simulator/data/data-set.js';
import type { DataSet } from '../../src/simulator/data/records.js';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js';
import { api, connect } from './client.js';

let simulator: Simulator;
/** The simulator's world is the same at every start, so this copy knows its ids. */
const data: DataSet = createDataSet();
const [birch, harbour] = data.clinics.map((one) => one.record);
let birchToken: string;
let harbourToken: string;

beforeAll(async () => {
  simulator = await startSimulator();
  const staff = simulator.people.find(
    (one) => one.clinicId === harbour!.id && one.type === 'Staff',
  );
  birchToken = (await connect(simulator)).access_token;
  harbourToken = (await connect(simulator, staff!.id)).access_token;
});

afterAll(() => simulator.close());

async function read(path: string, bearer = birchToken): Promise<Record<string, unknown>> {
  const answer = await api(simulator, path, bearer);
  expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  return { status: answer.status, ...(JSON.parse(answer.text) as object) };
}

async function scoped(...scopes: string[]): Promise<string> {
  simulator.setScopes(scopes);
  try {
    return (await connect(simulator)).access_token;
  } finally {
    simulator.setScopes(EVERYTHING);
  }
}

const EVERYTHING = [
  'catalog:read',
  'clinic:read',
  'clinic:write',
  'patients:read',
  'patients:write',
  'patients:treatment_plan_history',
  'patients:order_history',
];

describe('data set', () => {
  it('built twice → the same, in the promised sizes', () => {
    expect(createDataSet()).toEqual(data);
    const { clinics, practitioners, staff, patients, brands } = data;
    const sizes = [clinics, practitioners, staff, patients, brands].map((list) => list.length);
    expect(sizes).toEqual([2, 5, 3, 240, 60]);
    const ids = [...practitioners, ...staff, ...patients].map((one) => one.record.id);
    expect(new Set(ids).size).toBe(248);
    for (const id of ids)
      expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-a[\da-f]{3}-[\da-f]{12}$/);
    const addresses = patients.map((one) => one.record.email);
    expect(new Set(addresses).size).toBe(240);
    for (const address of addresses) expect(address).toMatch(/@example\.test$/);
  });
});

describe('resource API', () => {
  it('clinic → one object, each token its own', async () => {
    expect(await read('/clinic')).toEqual({ status: 200, clinic: birch });
    expect(await read('/clinic', harbourToken)).toEqual({ status: 200, clinic: harbour });
    expect(birch).toMatchObject({ patient_count: 150, practitioner_count: 3 });
  });

  it('practitioners and staff → lists and single ones; staff has one key for both', async () => {
    const { practitioners } = await read('/clinic/practitioners');
    expect(practitioners).toHaveLength(3);
    const first = data.practitioners[0]!.record;
    expect(await read(`/clinic/practitioners/${first.id}`)).toMatchObject({ practitioner: first });
    const clerk = data.staff[0]!.record;
    expect((await read('/clinic/staff'))['staff']).toHaveLength(2);
    expect((await read(`/clinic/staff/${clerk.id}`))['staff']).toEqual(clerk);
  });

  it('pages → sizes, neighbours, and at most a hundred', async () => {
    const first = await read('/clinic/patients');
    expect(first['patients']).toHaveLength(20);
    expect(first['meta']).toEqual({
      current_page: 1,
      next_page: 2,
      prev_page: null,
      total_pages: 8,
      total_count: 150,
    });
    const last = await read('/clinic/patients?page%5Bnumber%5D=2&page%5Bsize%5D=500');
    expect(last['patients']).toHaveLength(50);
    expect(last['meta']).toMatchObject({ current_page: 2, next_page: null, prev_page: 1 });
    expect((await read('/clinic/patients?page[number]=99'))['patients']).toEqual([]);
    expect((await read('/clinic/patients?page[number]=0&page[size]=x'))['meta']).toEqual(
      first['meta'],
    );
  });

  it('patients → short in lists, whole alone', async () => {
    const { id, first_name, last_name, email, archived } = data.patients[0]!.record;
    const [item] = (await read('/clinic/patients'))['patients'] as unknown[];
    expect(item).toEqual({ id, first_name, last_name, email, archived });
    expect(await read(`/clinic/patients/${id}`)).toMatchObject({
      patient: data.patients[0]!.record,
    });
  });

  it("another clinic's records → 404, as unknown ones", async () => {
    const strangers = [
      `/clinic/patients/${data.patients[0]!.record.id}`,
      `/clinic/patients/${data.patients[0]!.record.id}/treatment_plans`,
      `/clinic/patients/${data.patients[0]!.record.id}/orders`,
      `/clinic/practitioners/${data.practitioners[0]!.record.id}`,
      `/clinic/treatment_plans/${data.plans[0]!.record.id}`,
      `/clinic/orders/${data.orders[0]!.record.id}`,
      '/clinic/patients/unknown',
      '/catalog/brands/unknown',
      '/nowhere',
    ];
    for (const path of strangers) {
      expect(await read(path, harbourToken)).toEqual({ status: 404, error: 'Not Found' });
    }
    expect((await api(simulator, '/nowhere')).text).toBe('{"status":404,"error":"Not Found"}');
  });

  it('search → every word must be found', async () => {
    const { first_name, last_name } = data.patients[3]!.record;
    const path = `/clinic/search/patients?query=${first_name}+${last_name.toLowerCase()}`;
    const { patients } = await read(path);
    expect(patients).toContainEqual(expect.objectContaining({ id: data.patients[3]!.record.id }));
    expect((await read('/clinic/search/patients?query=qqqq'))['patients']).toEqual([]);
  });

  it('patient created, then changed → 201, then the new values', async () => {
    const json = { first_name: 'Sam', last_name: 'Reed', email: 'sam@example.test', gender: 'x' };
    const made = await api(simulator, '/clinic/patients', {
      bearer: birchToken,
      method: 'POST',
      json,
    });
    expect(made.status).toBe(201);
    const { patient } = JSON.parse(made.text) as { patient: { id: string } };
    expect(patient).toMatchObject(json);
    const path = `/clinic/patients/${patient.id}`;
    const change = { metadata: { id: 'ours-7' }, last_name: 'Reid' };
    const changed = await api(simulator, path, {
      bearer: birchToken,
      method: 'PATCH',
      json: change,
    });
    expect(changed.status).toBe(200);
    expect(await read(path)).toMatchObject({ patient: { ...json, ...change } });
  });

  it('fields missing or wrong → 422, the error a text that holds a list', async () => {
    const json = { first_name: '', gender: 'other', email: 'a@example.test' };
    const answer = await api(simulator, '/clinic/patients', {
      bearer: birchToken,
      method: 'POST',
      json,
    });
    expect([answer.status, answer.text]).toEqual([
      422,
      '{"error":"[\\"First name can\'t be blank\\",\\"Last name can\'t be blank\\",\\"Gender is not included in the list\\"]"}',
    ]);
    const path = `/clinic/patients/${data.patients[0]!.record.id}`;
    const blank = await api(simulator, path, {
      bearer: birchToken,
      method: 'PATCH',
      json: { email: '' },
    });
    expect([blank.status, blank.text]).toEqual([422, '{"error":"[\\"Email can\'t be blank\\"]"}']);
    const bad = await api(simulator, path, {
      bearer: birchToken,
      method: 'PATCH',
      json: '{oops',
    });
    expect([bad.status, bad.text]).toEqual([400, '']);
  });

  it('treatment plans → those made in the app need their own scope', async () => {
    const inApp = data.plans.find((plan) => plan.madeInApp)!;
    const own = data.plans.find((plan) => !plan.madeInApp)!;
    const narrow = await scoped('patients:read');
    const listOf = (plan: typeof own, bearer: string) =>
      read(`/clinic/patients/${plan.record.patient.id}/treatment_plans`, bearer);
    expect((await listOf(inApp, birchToken))['treatment_plans']).toEqual([inApp.record]);
    expect((await listOf(inApp, narrow))['treatment_plans']).toEqual([]);
    expect((await listOf(own, narrow))['treatment_plans']).toEqual([own.record]);
    const path = `/clinic/treatment_plans/${inApp.record.id}`;
    expect(await read(path)).toEqual({ status: 200, treatment_plan: inApp.record });
    expect(await read(path, narrow)).toMatchObject({ status: 404 });
  });

  it('orders → all of the clinic, one, and those of a patient or plan', async () => {
    const [order] = data.orders;
    const { id, patient_id, treatment_plan_ids } = order!.record;
    const total = data.orders.filter((one) => one.clinicId === birch!.id).length;
    expect((await read('/clinic/orders'))['meta']).toMatchObject({ total_count: total });
    expect(await read(`/clinic/orders/${id}`)).toEqual({ status: 200, order: order!.record });
    for (const path of [
      `/clinic/patients/${patient_id}/orders`,
      `/clinic/orders?patient_id=${patient_id}`,
      `/clinic/orders?treatment_plan_id=${treatment_plan_ids[0]!}`,
    ]) {
      expect((await read(path))['orders']).toEqual([order!.record]);
    }
  });

  it('catalog → brands and single products; the product list is restricted', async () => {
    expect((await read('/catalog/brands?page[size]=100'))['brands']).toEqual(data.brands);
    const available = data.brands.filter((one) => one.status === 'available');
    const listed = await read('/catalog/brands?page[size]=100&available=true');
    expect(listed['brands']).toEqual(available);
    expect(await read(`/catalog/brands/${data.brands[5]!.id}`)).toMatchObject({
      brand: data.brands[5],
    });
    const [product] = data.products;
    expect(await read(`/catalog/products/${product!.id}`)).toMatchObject({ product });
    expect(await read('/catalog/products')).toEqual({
      status: 403,
      error: expect.any(String) as unknown,
    });
  });

  it.each([
    ['/clinic', 'clinic:read'],
    ['/clinic/staff', 'clinic:read'],
    ['/clinic/patients', 'patients:read'],
    ['/clinic/search/patients', 'patients:read'],
    ['/clinic/orders', 'patients:order_history'],
    ['/catalog/brands', 'catalog:read'],
  ])('%s without %s → 403 with nothing in it; with it alone → 200', async (path, scope) => {
    const others = await scoped(...EVERYTHING.filter((one) => one !== scope));
    const refused = await api(simulator, path, others);
    expect([refused.status, refused.text]).toEqual([403, '']);
    expect(await read(path, await scoped(scope))).toMatchObject({ status: 200 });
  });

  it('write without patients:write → 403', async () => {
    const narrow = await scoped('patients:read');
    const answer = await api(simulator, '/clinic/patients', {
      bearer: narrow,
      method: 'POST',
      json: {},
    });
    expect(answer.status).toBe(403);
  });
});
