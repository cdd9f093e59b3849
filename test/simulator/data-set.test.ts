import { describe, expect, it } from '@jest/globals';
import { createDataSet } from '../../src/simulator/data/data-set.js';

const data = createDataSet();
const { clinics, practitioners, staff, patients, plans, orders, brands, products } = data;
const records = <T>(list: { record: T }[]): T[] => list.map(({ record }) => record);
const count = (list: readonly unknown[], value: unknown) =>
  list.filter((one) => one === value).length;

/** Fails the test when a list is not as long as its set. */
function expectDistinct(list: readonly string[]): void {
  expect(list.length).toBeGreaterThan(0);
  expect(new Set(list).size).toBe(list.length);
}

describe('data set', () => {
  it('built twice → the same, in the promised sizes', () => {
    expect(createDataSet()).toEqual(data);
    const sizes = [clinics, practitioners, staff, patients, brands].map((list) => list.length);
    expect(sizes).toEqual([2, 5, 3, 240, 60]);
    expect(data.people.map(({ name }) => name)).toEqual([
      'Ana Osei',
      'Tomas Brandt',
      'Leila Haddad',
      'Nora Quigley',
      'Idris Vance',
      'Marit Lindqvist',
      'Joel Kamau',
      'Paige Whitlock',
    ]);
  });

  it('ids and addresses → each once, in their form', () => {
    const owned = [...clinics, ...practitioners, ...staff, ...patients, ...plans, ...orders];
    const variants = products.flatMap((one) => one.variants);
    const ids = [...records<{ id: string }>(owned), ...brands, ...products, ...variants];
    expectDistinct(ids.map(({ id }) => id));
    for (const { id } of ids) {
      expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-a[\da-f]{3}-[\da-f]{12}$/);
    }
    const addresses = records([...practitioners, ...staff, ...patients]).map(({ email }) => email);
    expectDistinct(addresses);
    for (const address of addresses) expect(address).toMatch(/^[a-z]+\.[a-z]+\d?@example\.test$/);
  });

  it('treatment plans → many patients have one, some several, in all states', () => {
    const owners = records(plans).map(({ patient }) => patient.id);
    const counts = patients.map(({ record }) => count(owners, record.id));
    expect(counts.filter((one) => one === 1).length).toBeGreaterThan(50);
    expect(counts.filter((one) => one > 1).length).toBeGreaterThan(50);
    expect(counts.filter((one) => one === 0).length).toBeGreaterThan(50);
    const states = records(plans).map(({ state }) => state);
    for (const state of ['active', 'draft', 'cancelled']) {
      expect(count(states, state)).toBeGreaterThan(15);
    }
    const busy = new Set(records(plans).map(({ practitioner }) => practitioner.id));
    expect(busy).toEqual(new Set(records(practitioners).map(({ id }) => id)));
  });

  it('treatment plans → of the own clinic, in working order of time', () => {
    const clinicOf = new Map(
      [...patients, ...practitioners].map((one) => [one.record.id, one.clinicId]),
    );
    for (const { clinicId, record } of plans) {
      const { patient, practitioner, created_at: created, updated_at: updated } = record;
      expect(clinicOf.get(patient.id)).toBe(clinicId);
      expect(clinicOf.get(practitioner.id)).toBe(clinicId);
      expect(created >= '2026-01-12').toBe(true);
      expect(updated > created).toBe(true);
      expect(updated <= '2026-10-30T23').toBe(true);
      expect(record.available_at >= created.slice(0, 10)).toBe(true);
    }
  });

  it('orders → of one to four variants, by plan or alone, the latest first', () => {
    const known = new Map(plans.map((plan) => [plan.record.id, plan]));
    const variants = new Set(products.flatMap((one) => one.variants.map(({ id }) => id)));
    for (const { clinicId, record } of orders) {
      expect(record.variant_ids.every((id) => variants.has(id))).toBe(true);
      for (const id of record.treatment_plan_ids) {
        const plan = known.get(id)!;
        expect([plan.clinicId, plan.record.patient.id]).toEqual([clinicId, record.patient_id]);
        expect(plan.record.state).not.toBe('draft');
        expect(Date.parse(plan.record.created_at)).toBeLessThan(Date.parse(record.completed_at));
      }
    }
    const sizes = records(orders).map((order) => order.variant_ids.length);
    expect(new Set(sizes)).toEqual(new Set([1, 2, 3, 4]));
    const alone = records(orders).filter((order) => order.treatment_plan_ids.length === 0);
    expect(alone.length).toBeGreaterThan(10);
    const times = records(orders).map((order) => order.completed_at);
    expect(times).toEqual([...times].sort().reverse());
    expectDistinct(records(orders).map((order) => order.order_number));
  });

  it('catalog → brands apart, each with several products of its own names', () => {
    expectDistinct(brands.map(({ name }) => name));
    expectDistinct(brands.map(({ prefix }) => prefix));
    for (const { id, name } of brands) {
      const own = products.filter(({ brand }) => brand.id === id);
      expect(own.length).toBeGreaterThanOrEqual(3);
      expectDistinct(own.map((product) => product.name));
      expect(new Set(own.map(({ brand }) => brand.name))).toEqual(new Set([name]));
    }
    for (const { variants } of products) {
      const prices = variants.map(({ msrp }) => Number(msrp));
      expect(prices).toEqual([...prices].sort((one, other) => one - other));
      for (const { msrp } of variants) expect(msrp).toMatch(/^\d+\.\d\d$/);
    }
  });
});
