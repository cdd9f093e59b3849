/**
 * The records the resource API serves, in the spelling of the wire.
 * @see https://fullscript.dev/docs/technical-reference
 */
export interface ClinicRecord {
  id: string;
  name: string;
  patient_count: number;
  practitioner_count: number;
  discount: number;
  dispensary_url: string;
  integration_id: string;
  integration_activated_at: string;
  margin_type: string;
}

export interface StaffRecord {
  id: string;
  first_name: string;
  last_name: string;
  email: string;
  metadata: { id: string | null };
}

export interface PractitionerRecord extends StaffRecord {
  practitioner_type_id: string;
  invite_accepted: boolean;
}

export interface PatientRecord extends StaffRecord {
  archived: boolean;
  date_of_birth: string;
  gender: string;
  discount: number;
  total_discount: number;
  mobile_number: string | null;
  text_message_notification: boolean;
}

export interface TreatmentPlanRecord {
  id: string;
  state: string;
  patient: { id: string };
  practitioner: { id: string };
  available_at: string;
  created_at: string;
  updated_at: string;
  metadata: { id: string | null };
}

export interface OrderRecord {
  id: string;
  order_number: string;
  completed_at: string;
  treatment_plan_ids: string[];
  variant_ids: string[];
  patient_id: string;
}

export interface BrandRecord {
  id: string;
  name: string;
  prefix: string;
  status: string;
}

export interface VariantRecord {
  id: string;
  sku: string;
  primary: boolean;
  units: number | null;
  unit_of_measure: string | null;
  availability: string;
  status: string;
  upc: string | null;
  msrp: string;
  supplier_sku: string | null;
}

export interface ProductRecord {
  id: string;
  name: string;
  status: string;
  brand: { id: string; name: string; prefix: string };
  variants: [VariantRecord, ...VariantRecord[]];
}

/** A record of one clinic. A bearer token sees only the records of its own clinic. */
export interface Owned<T> {
  clinicId: string;
  record: T;
}

/** A plan, and whether it was made in the Fullscript app (which has a scope of its own). */
export interface OwnedPlan extends Owned<TreatmentPlanRecord> {
  madeInApp: boolean;
}

/** Somebody who can sign in: `id` and `type` are what the token answer's `resource_owner` says. */
export interface Person {
  id: string;
  type: 'Practitioner' | 'Staff';
  name: string;
  email: string;
  clinicId: string;
  clinicName: string;
}

export interface DataSet {
  clinics: Owned<ClinicRecord>[];
  practitioners: Owned<PractitionerRecord>[];
  staff: Owned<StaffRecord>[];
  patients: Owned<PatientRecord>[];
  plans: OwnedPlan[];
  orders: Owned<OrderRecord>[];
  brands: BrandRecord[];
  products: ProductRecord[];
  people: Person[];
}
