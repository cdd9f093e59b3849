import { describe, expect, it } from '@jest/globals';
import { getBrand, getVariant, listBrands, listProducts } from '../../src/fullscript/catalog.js';
import { getClinic } from '../../src/fullscript/clinic.js';
import { listPatientOrders } from '../../src/fullscript/orders.js';
import { getPatient } from '../../src/fullscript/patients.js';
import { listPatientPlans } from '../../src/fullscript/treatment-plans.js';
import { rejection } from '../fixtures/shown.js';
import {
  BRAND,
  CLINIC,
  ORDER,
  PATIENT,
  PLAN,
  PRODUCT,
  VARIANT,
  WHOLE_PRODUCT,
  meta,
} from './answers.js';
import { answeredJson } from './client.js';

const first = { page: 1, size: 20 };

describe('fields', () => {
  it.each<[string, object, object]>([
    ['ids that are numbers', { id: 42 }, { id: '42' }],
    ['no names', { first_name: null, last_name: '' }, { name: '' }],
    ['a name with space around it', { first_name: ' Ana ' }, { name: 'Ana Osei' }],
    ['an empty address', { email: '' }, { email: undefined }],
    ['archived in another form', { archived: 'yes' }, { archived: false }],
    ['a discount as text', { discount: '12.5' }, { discount: 12.5 }],
    ['a discount without end', { discount: '1e999' }, { discount: undefined }],
    ['a birthday that is none', { date_of_birth: '2026-13-45' }, { dateOfBirth: undefined }],
    ['a birthday in another form', { date_of_birth: '29/02/1980' }, { dateOfBirth: undefined }],
    ['no number', { mobile_number: null }, { mobileNumber: undefined }],
    ['unknown fields', { more: { id: 1 } }, { id: 'u-1' }],
  ])('a patient with %s → the rest, and what can be read', async (_what, change, expected) => {
    const { api } = answeredJson({ patient: { ...PATIENT, ...change } });
    const found = await getPatient(api, 'u-1');
    expect(found).toMatchObject({ gender: 'x', ...expected });
    expect(found).not.toHaveProperty('more');
  });

  it.each<[unknown, string | undefined]>([
    ['https://us-snd.fullscript.io/login/x?a=b', 'https://us-snd.fullscript.io/login/x?a=b'],
    [' HTTPS://Shop.Example/é ', 'https://shop.example/%C3%A9'],
    ['http://us-snd.fullscript.io/', undefined],
    ['javascript:alert(1)', undefined],
    ['data:text/html,x', undefined],
    ['//evil.example', undefined],
    ['/login', undefined],
    ['https://user:pw@evil.example/', undefined],
    ['https://', undefined],
    [null, undefined],
    [['https://a.example'], undefined],
  ])('shop address %j → %j', async (dispensary_url, expected) => {
    const { api } = answeredJson({ clinic: { ...CLINIC, dispensary_url } });
    expect((await getClinic(api)).dispensaryUrl).toBe(expected);
  });

  it.each<[unknown, string | undefined]>([
    ['12.50', '12.50'],
    [12.5, '12.50'],
    [12, '12.00'],
    [-1, undefined],
    [1e300, undefined],
    [null, undefined],
  ])('price %j → %j', async (msrp, expected) => {
    const variants = [null, { id: 'v-0' }, { id: 'v-1', msrp }];
    const listed = { ...PRODUCT, primary_variant: { ...PRODUCT.primary_variant, msrp } };
    const { api } = answeredJson({ products: [listed, { ...WHOLE_PRODUCT, variants }] });
    const { items } = await listProducts(api, first);
    expect(items.map(({ price }) => price)).toEqual([expected, expected]);
  });

  it('a main variant with a price, and others → that price', async () => {
    const { api } = answeredJson({ products: [{ ...WHOLE_PRODUCT, ...PRODUCT }] });
    expect((await listProducts(api, first)).items[0]?.price).toBe('12.50');
  });

  it('a plan that names its practitioner by id alone → the id', async () => {
    const bare = { ...PLAN, practitioner: undefined, practitioner_id: 9 };
    const { api } = answeredJson({ treatment_plans: [bare, { ...PLAN, practitioner_id: 'no' }] });
    const { items } = await listPatientPlans(api, 'u-1', first);
    expect(items.map(({ practitionerId }) => practitionerId)).toEqual(['9', 'u-2']);
  });

  it('an order with ids missing or unreadable → those that can be read', async () => {
    const odd = { ...ORDER, treatment_plan_ids: [1, null, 'p'], variant_ids: 'v-1' };
    const { api } = answeredJson({ orders: [odd, { id: 'o-2' }] });
    const { items } = await listPatientOrders(api, 'u-1', first);
    expect(items).toMatchObject([
      { planIds: ['1', 'p'], variantIds: [] },
      { id: 'o-2', number: undefined, planIds: [], variantIds: [] },
    ]);
  });

  it.each<[unknown, boolean | undefined]>([
    ['available', true],
    ['Available', true],
    ['unavailable', false],
    ['retired', false],
    [undefined, undefined],
    [3, undefined],
  ])('a brand whose status is %j → available: %j', async (status, expected) => {
    const { api } = answeredJson({ brand: { ...BRAND, status } });
    expect((await getBrand(api, 'b-1')).available).toBe(expected);
  });

  it.each<[string, unknown, object]>([
    ['records', VARIANT.product, { productName: 'Zinc', brandName: 'Northbay' }],
    [
      'lists, as an older reference has them',
      [{ name: 'Zinc', brand: [{ name: 'Northbay' }] }],
      { productName: 'Zinc', brandName: 'Northbay' },
    ],
    ['a product without a brand', { name: 'Zinc' }, { productName: 'Zinc', brandName: undefined }],
    ['nothing', undefined, { productName: undefined, brandName: undefined }],
    ['an empty list', [], { productName: undefined, brandName: undefined }],
  ])('a variant whose product comes as %s → its names', async (_what, wire, expected) => {
    const { api, requests } = answeredJson({ variant: { id: 'v-1', product: wire } });
    expect(await getVariant(api, 'v 1')).toStrictEqual({ id: 'v-1', ...expected });
    expect(requests).toMatchObject([{ path: '/catalog/variants/v%201' }]);
  });

  it('records without what they are of no use without → left out of lists, refused alone', async () => {
    const list = answeredJson({ brands: [{ id: 'b' }, { name: 'n' }, BRAND], meta });
    expect((await listBrands(list.api, first)).items).toMatchObject([{ id: 'b-1' }]);
    const error = await rejection(getBrand(answeredJson({ brand: { id: 'b' } }).api, 'b'));
    expect(error).toMatchObject({ code: 'fullscript_unexpected', status: 200 });
  });
});
