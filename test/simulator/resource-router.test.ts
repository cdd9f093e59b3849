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
      `/clinic/orders/${data.orders.find((one) => one.clinicId === birch!.id)!.record.id}`,
      '/catalog/products/unknown',
      '/catalog/variants/unknown',
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
    const inApp = data.plans.find((plan) => plan.madeInApp && plan.clinicId === birch!.id)!;
    const patientId = inApp.record.patient.id;
    const all = data.plans.filter((plan) => plan.record.patient.id === patientId);
    const own = all.filter((plan) => !plan.madeInApp);
    expect(own.length).toBeGreaterThan(0);
    const narrow = await scoped('patients:read');
    const list = `/clinic/patients/${patientId}/treatment_plans`;
    const listed = ({ record }: (typeof all)[number]) => {
      const { metadata, ...plan } = record;
      expect(metadata).toBeDefined();
      return plan;
    };
    expect((await read(list))['treatment_plans']).toEqual(all.map(listed));
    const fewer = await read(list, narrow);
    expect(fewer['treatment_plans']).toEqual(own.map(listed));
    const path = `/clinic/treatment_plans/${inApp.record.id}`;
    expect(await read(path)).toEqual({ status: 200, treatment_plan: inApp.record });
    expect(await read(path, narrow)).toMatchObject({ status: 404 });
  });

  it('treatment plans sorted → by either time, in either direction', async () => {
    const patientId = severalPlans().record.patient.id;
    for (const key of ['created_at', 'updated_at'] as const) {
      const times = data.plans
        .filter((plan) => plan.record.patient.id === patientId)
        .map(({ record }) => record[key])
        .sort();
      for (const [order, wanted] of [
        ['ASC', times],
        ['DESC', times.toReversed()],
      ] as const) {
        const query = `sort_by=${key}&order_by=${order}`;
        const answer = await read(`/clinic/patients/${patientId}/treatment_plans?${query}`);
        const plans = answer['treatment_plans'] as Record<string, string>[];
        expect(plans.map((plan) => plan[key])).toEqual(wanted);
      }
    }
  });

  it('orders → all of the clinic, one, and those of a patient or plan', async () => {
    const own = data.orders.filter((one) => one.clinicId === birch!.id).map((one) => one.record);
    const order = own.find((one) => one.treatment_plan_ids.length > 0)!;
    const { id, patient_id, treatment_plan_ids } = order;
    expect((await read('/clinic/orders'))['meta']).toMatchObject({ total_count: own.length });
    expect(await read(`/clinic/orders/${id}`)).toEqual({ status: 200, order });
    const theirs = own.filter((one) => one.patient_id === patient_id);
    const planned = own.filter((one) => one.treatment_plan_ids.includes(treatment_plan_ids[0]!));
    for (const [path, wanted] of [
      [`/clinic/patients/${patient_id}/orders`, theirs],
      [`/clinic/orders?patient_id=${patient_id}`, theirs],
      [`/clinic/orders?treatment_plan_id=${treatment_plan_ids[0]!}`, planned],
    ] as const) {
      const isPath = path.startsWith('/clinic/patients');
      const shown = wanted.map(({ patient_id: of, ...order }) =>
        isPath ? order : { ...order, patient_id: of },
      );
      expect((await read(path))['orders']).toEqual(shown);
    }
    expect((await read('/clinic/orders?type=labs'))['orders']).toEqual([]);
    expect(await read('/clinic/orders?type=all')).toEqual(await read('/clinic/orders'));
  });

  it('orders by time → before, after, between with both ends; anything else is a 422', async () => {
    const own = data.orders.filter((one) => one.clinicId === birch!.id).map((one) => one.record);
    const { completed_at: moment } = own[10]!;
    const day = moment.slice(0, 10);
    const dayOf = (order: { completed_at: string }) => order.completed_at.slice(0, 10);
    const found = (filter: string) =>
      read(`/clinic/orders?page[size]=100&completed_at=${encodeURIComponent(filter)}`);
    const list = async (filter: string) => (await found(filter))['orders'];
    expect(await list(`>${moment}`)).toEqual(own.slice(0, 10));
    expect(await list(`>${day}`)).toEqual(own.filter((order) => dayOf(order) > day));
    const early = dayOf(own.at(-5)!);
    expect(await list(`<${early}`)).toEqual(own.filter((order) => dayOf(order) < early));
    expect(await list(`${day}..${day}`)).toEqual(own.filter((order) => dayOf(order) === day));
    expect(await list(`${own[12]!.completed_at}..${moment}`)).toEqual(own.slice(10, 13));
    for (const wrong of ['yesterday', '<yesterday', `${day}..`, `>${day}..${day}`, day]) {
      expect(await found(wrong)).toEqual({ status: 422, error: '["Completed at is invalid"]' });
    }
  });

  it('patients who depend on others, or have such → nobody here', async () => {
    for (const type of ['dependent', 'guardian']) {
      expect((await read(`/clinic/patients?patient_type=${type}`))['patients']).toEqual([]);
    }
    expect(await read('/clinic/patients?patient_type=all')).toEqual(await read('/clinic/patients'));
  });

  it('catalog → brands, single products and variants; the product lists are restricted', async () => {
    expect((await read('/catalog/brands?page[size]=100'))['brands']).toEqual(data.brands);
    const available = data.brands.filter((one) => one.status === 'available');
    const listed = await read('/catalog/brands?page[size]=100&available=true');
    expect(listed['brands']).toEqual(available);
    expect(available.length).toBeLessThan(60);
    expect(await read(`/catalog/brands/${data.brands[5]!.id}`)).toMatchObject({
      brand: data.brands[5],
    });
    const product = data.products.find(({ variants }) => variants.length > 1)!;
    const { id, name, brand, variants } = product;
    expect(await read(`/catalog/products/${id}`)).toMatchObject({
      product: { id, name, brand, variants },
    });
    expect(await read(`/catalog/variants/${variants[1]!.id}`)).toMatchObject({
      status: 200,
      variant: { ...variants[1], product: { id, name, brand } },
    });
    for (const path of ['/catalog/products', '/catalog/search/products?query=zinc']) {
      expect(await read(path)).toEqual({ status: 403, error: expect.any(String) as unknown });
    }
  });

  it('catalog open → products by words of their name or brand, and by brand', async () => {
    simulator.play('open_catalog');
    const list = async (path: string) =>
      ((await read(`${path}&page[size]=100`))['products'] as { id: string }[]).map(({ id }) => id);
    const idsOf = (products: { id: string }[]) => products.map(({ id }) => id);
    const [brand] = data.brands;
    const ofBrand = data.products.filter((one) => one.brand.id === brand!.id);
    const magnesium = data.products.filter((one) => one.name.includes('Magnesium'));
    expect(await read('/catalog/products')).toMatchObject({
      products: data.products.slice(0, 20).map(({ id, name, brand, status, variants }) => ({
        ...{ id, name, brand, status, variant_count: variants.length },
        primary_variant: variants[0],
      })),
      meta: { current_page: 1, total_count: data.products.length },
    });
    expect(await list('/catalog/search/products?query=MAGNES')).toEqual(idsOf(magnesium));
    expect(await list('/catalog/search/products?query=alderbay')).toEqual(idsOf(ofBrand));
    expect(await list(`/catalog/search/products?brand_id=${brand!.id}`)).toEqual(idsOf(ofBrand));
    const both = ofBrand.slice(0, 1);
    const query = encodeURIComponent(`${both[0]!.name} alderbay`);
    expect(await list(`/catalog/search/products?query=${query}`)).toEqual(idsOf(both));
    expect(await list('/catalog/search/products?query=qqqq')).toEqual([]);
    simulator.play('works');
    expect(await read('/catalog/products')).toMatchObject({ status: 403 });
  });

  it.each([
    ['/clinic', 'clinic:read'],
    ['/clinic/staff', 'clinic:read'],
    ['/clinic/patients', 'patients:read'],
    ['/clinic/search/patients', 'patients:read'],
    ['/clinic/orders', 'patients:order_history'],
    ['/catalog/brands', 'catalog:read'],
    [`/catalog/variants/${data.products[0]!.variants[0].id}`, 'catalog:read'],
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

/** A plan of a patient of the first clinic who has more than one. */
function severalPlans(): DataSet['plans'][number] {
  const own = data.plans.filter((plan) => plan.clinicId === birch!.id);
  const isSecond = ({ record }: DataSet['plans'][number], index: number) =>
    own.findIndex((one) => one.record.patient.id === record.patient.id) < index;
  return own.find(isSecond)!;
}
