/* Answers with the fields that Fullscript documents for each read, all of them and no others. */

export const meta = {
  ...{ current_page: 1, next_page: 2, prev_page: null },
  ...{ total_pages: 2, total_count: 21 },
};

const named = { id: 'u-1', first_name: 'Ana', last_name: 'Osei', email: 'ana@example.test' };
export const PERSON = { ...named, metadata: { id: null } };
export const PRACTITIONER = { ...PERSON, practitioner_type_id: 't-1' };
export const LISTED_PATIENT = { ...named, archived: false };
export const PATIENT = {
  ...{ ...LISTED_PATIENT, metadata: { id: 'chart-7' } },
  date_of_birth: '1980-02-29',
  gender: 'x',
  discount: 15,
  total_discount: 25,
  mobile_number: '+15550100',
  text_message_notification: true,
};
export const PLAN = {
  ...{ id: 'p-1', state: 'active', patient: { id: 'u-1' }, practitioner: { id: 'u-2' } },
  available_at: '2026-02-01',
  created_at: '2026-01-05T05:00:00.000Z',
  updated_at: '2026-02-02T13:26:02.000-05:00',
};
/** Of one patient, whom the path names. */
export const ORDER = {
  ...{ id: 'o-1', order_number: 'R100', completed_at: '2026-02-02T13:26:02.000-05:00' },
  ...{ treatment_plan_ids: ['p-1'], variant_ids: ['v-1', 'v-2'] },
};
export const BRAND = { id: 'b-1', name: 'Northbay', prefix: 'NBY', status: 'available' };

const size = {
  ...{ id: 'v-1', sku: 'NBY-1-1', primary: true, units: null, unit_of_measure: null },
  ...{ availability: 'In Stock', status: 'available', upc: null, msrp: '12.50' },
  supplier_sku: null,
};
const pictured = {
  ...size,
  image_url_small: '/pictures/1.png',
  image_url_medium: '/pictures/2.png',
  image_url_large: '/pictures/3.png',
};
const brand = { id: 'b-1', name: 'Northbay', prefix: 'NBY' };
/** In a list or a search: with its main variant. */
export const PRODUCT = {
  ...{ id: 'r-1', name: 'Zinc', brand, status: 'available' },
  ...{ primary_variant: pictured, variant_count: 1 },
};
/** Alone: with all of its variants. */
export const WHOLE_PRODUCT = {
  ...{ id: 'r-1', name: 'Zinc', brand, description_html: '<p>Zinc</p>' },
  variants: [size],
  dosage: {
    ...{ recommended_amount: '1', recommended_frequency: 'daily', recommended_duration: null },
    ...{ format: 'capsule', additional_info: null },
  },
  custom_dosage: null,
};
export const VARIANT = { ...pictured, product: { id: 'r-1', name: 'Zinc', brand } };
export const CLINIC = {
  ...{ id: 'c-1', name: 'Birch Lane', patient_count: 12, practitioner_count: 2, discount: 10 },
  dispensary_url: 'https://us-snd.fullscript.io/login/birchlane',
  integration_id: 'i-1',
  integration_activated_at: '2026-01-05T05:00:00.000Z',
};
