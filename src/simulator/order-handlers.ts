import { jsonAnswer, notFoundAnswer } from './answer.js';
import type { BearerHandler } from './bearer.js';
import type { Call } from './call.js';
import type { DataSet, OrderRecord } from './data/records.js';
import { paginate } from './pagination.js';
import { findPatient, unprocessable } from './patient-handlers.js';

type OrderTest = (order: OrderRecord) => boolean;

/** Lists orders, the latest first: the clinic's, or those of the patient in the path. */
export function listOrders(data: DataSet): BearerHandler {
  return (call, { clinicId }) => {
    const inPath = call.params['id'];
    if (inPath !== undefined && findPatient(data, clinicId, inPath) === undefined) {
      return notFoundAnswer();
    }
    const completedAt = completedAtTest(call.query.get('completed_at'));
    if (completedAt === undefined) return unprocessable(['Completed at is invalid']);
    const tests = [completedAt, ...plainTests(call, inPath)];
    const found = data.orders
      .filter((order) => order.clinicId === clinicId)
      .map((order) => order.record)
      .filter((order) => tests.every((test) => test(order)));
    const { items, meta } = paginate(call, found);
    const orders = inPath === undefined ? items : items.map(withoutPatient);
    return jsonAnswer(200, { orders, meta });
  };
}

/** The path of a patient's orders says whose they are. */
function withoutPatient(order: OrderRecord): Omit<OrderRecord, 'patient_id'> {
  const { id, order_number, completed_at, treatment_plan_ids, variant_ids } = order;
  return { id, order_number, completed_at, treatment_plan_ids, variant_ids };
}

function plainTests(call: Call, inPath: string | undefined): OrderTest[] {
  const patientId = inPath ?? call.query.get('patient_id');
  const planId = call.query.get('treatment_plan_id');
  // Nobody orders labs here.
  const none = call.query.get('type') === 'labs';
  return [
    () => !none,
    (order) => patientId === null || order.patient_id === patientId,
    (order) => planId === null || order.treatment_plan_ids.includes(planId),
  ];
}

/** Reads `<d`, `>d` or `d1..d2`, where `d1..d2` has both of its ends. */
function completedAtTest(text: string | null): OrderTest | undefined {
  if (text === null || text === '') return () => true;
  const [, sign, from, to] = /^([<>]?)(.+?)(?:\.\.(.+))?$/.exec(text) ?? [];
  if (from === undefined || (sign !== '') === (to !== undefined)) return undefined;
  const dates = to === undefined ? [from] : [from, to];
  if (dates.some((one) => Number.isNaN(Date.parse(one)))) return undefined;
  if (to !== undefined) return (order) => compare(order, from) >= 0 && compare(order, to) <= 0;
  return (order) => (sign === '<' ? compare(order, from) < 0 : compare(order, from) > 0);
}

/** A date without a time stands for the whole day, by the clinic's own clock. */
function compare({ completed_at: completed }: OrderRecord, bound: string): number {
  if (/^\d{4}-\d\d-\d\d$/.test(bound)) return completed.slice(0, 10).localeCompare(bound);
  return Date.parse(completed) - Date.parse(bound);
}
