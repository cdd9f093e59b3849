/* Answers as Fullscript documents them, as short as pages need them. */

export const meta = {
  ...{ current_page: 1, next_page: 2, prev_page: null },
  ...{ total_pages: 2, total_count: 21 },
};

export const PERSON = {
  id: 'u-1',
  first_name: 'Ana',
  last_name: 'Osei',
  email: 'ana@example.test',
};
export const PATIENT = {
  ...PERSON,
  archived: false,
  date_of_birth: '1980-02-29',
  gender: 'x',
  discount: 15,
  mobile_number: '+15550100',
  text_message_notification: true,
};
export const PLAN = {
  ...{ id: 'p-1', state: 'active', patient: { id: 'u-1' }, practitioner: { id: 'u-2' } },
  available_at: '2026-02-01',
  created_at: '2026-01-05T05:00:00.000Z',
  updated_at: '2026-02-02T13:26:02.000-05:00',
};
export const ORDER = {
  ...{ id: 'o-1', order_number: 'R100', completed_at: '2026-02-02T13:26:02.000-05:00' },
  ...{ treatment_plan_ids: ['p-1'], variant_ids: ['v-1', 'v-2'], patient_id: 'u-1' },
};
export const BRAND = { id: 'b-1', name: 'Northbay', prefix: 'NBY', status: 'available' };
export const PRODUCT = {
  ...{ id: 'r-1', name: 'Zinc', brand: { id: 'b-1', name: 'Northbay' } },
  variants: [{ id: 'v-1', msrp: '12.50' }],
};
export const VARIANT = {
  id: 'v-1',
  product: { id: 'r-1', name: 'Zinc', brand: { name: 'Northbay' } },
};
export const CLINIC = {
  ...{ id: 'c-1', name: 'Birch Lane', patient_count: 12, practitioner_count: 2 },
  dispensary_url: 'https://us-snd.fullscript.io/login/birchlane',
  integration_activated_at: '2026-01-05T05:00:00.000Z',
};
