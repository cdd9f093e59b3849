import { Router } from 'express';
import type { Answering, Handler } from './answering.js';
import { jsonAnswer, notFoundAnswer } from './answer.js';
import { type BearerHandler, requireScope } from './bearer.js';
import type { DataSet, Owned } from './data/records.js';
import { listOrders, listPlans, showPlan } from './history-handlers.js';
import { paginate } from './pagination.js';
import { createPatient, findPatient, listPatients, updatePatient } from './patient-handlers.js';
import type { Provider } from './provider.js';

interface Deps {
  provider: Provider;
  data: DataSet;
  answering: Answering;
}

type Route = readonly [
  method: 'get' | 'post' | 'patch',
  path: string,
  scope: string,
  handler: BearerHandler,
];

/**
 * The resource API: every path it serves, and the scope each one needs.
 * @see https://fullscript.dev/docs/technical-reference
 */
export function createResourceRouter({ provider, data, answering }: Deps): Router {
  const router = Router();
  for (const [method, path, scope, handler] of routes(data)) {
    router[method](`/api${path}`, answering('api', requireScope(provider, scope, handler)));
  }
  const nowhere: Handler = notFoundAnswer;
  router.all('/api/*rest', answering('api', nowhere));
  return router;
}

function routes(data: DataSet): Route[] {
  return [
    ['get', '/clinic', 'clinic:read', showClinic(data)],
    ['get', '/clinic/practitioners', 'clinic:read', list('practitioners', data.practitioners)],
    ['get', '/clinic/practitioners/:id', 'clinic:read', one('practitioner', data.practitioners)],
    ['get', '/clinic/staff', 'clinic:read', list('staff', data.staff)],
    ['get', '/clinic/staff/:id', 'clinic:read', one('staff', data.staff)],
    ['get', '/clinic/patients', 'patients:read', listPatients(data)],
    ['post', '/clinic/patients', 'patients:write', createPatient(data)],
    ['get', '/clinic/patients/:id', 'patients:read', showPatient(data)],
    ['patch', '/clinic/patients/:id', 'patients:write', updatePatient(data)],
    ['get', '/clinic/search/patients', 'patients:read', listPatients(data)],
    ['get', '/clinic/patients/:id/treatment_plans', 'patients:read', listPlans(data)],
    ['get', '/clinic/treatment_plans/:id', 'patients:read', showPlan(data)],
    ['get', '/clinic/patients/:id/orders', 'patients:order_history', listOrders(data)],
    ['get', '/clinic/orders', 'patients:order_history', listOrders(data)],
    ['get', '/clinic/orders/:id', 'patients:order_history', one('order', data.orders)],
    ['get', '/catalog/brands', 'catalog:read', listBrands(data)],
    ['get', '/catalog/brands/:id', 'catalog:read', oneOf('brand', data.brands)],
    ['get', '/catalog/products', 'catalog:read', restricted],
    ['get', '/catalog/products/:id', 'catalog:read', oneOf('product', data.products)],
  ];
}

function showClinic(data: DataSet): BearerHandler {
  return (_call, { clinicId }) => {
    const clinic = data.clinics.find((one) => one.clinicId === clinicId);
    return clinic === undefined ? notFoundAnswer() : jsonAnswer(200, { clinic: clinic.record });
  };
}

function showPatient(data: DataSet): BearerHandler {
  return (call, { clinicId }) => {
    const patient = findPatient(data, clinicId, call.params['id']);
    return patient === undefined ? notFoundAnswer() : jsonAnswer(200, { patient: patient.record });
  };
}

function listBrands(data: DataSet): BearerHandler {
  return (call) => {
    const availableOnly = call.query.get('available') === 'true';
    const brands = data.brands.filter((one) => !availableOnly || one.status === 'available');
    const { items, meta } = paginate(call, brands);
    return jsonAnswer(200, { brands: items, meta });
  };
}

/** The product list is for applications with a special agreement. */
function restricted(): ReturnType<BearerHandler> {
  return jsonAnswer(403, { error: 'Your application does not have access to this resource.' });
}

function list<T>(key: string, all: Owned<T>[]): BearerHandler {
  return (call, { clinicId }) => {
    const own = all.filter((one) => one.clinicId === clinicId).map(({ record }) => record);
    const { items, meta } = paginate(call, own);
    return jsonAnswer(200, { [key]: items, meta });
  };
}

function one(key: string, all: Owned<{ id: string }>[]): BearerHandler {
  return (call, { clinicId }) => {
    const found = all.find((it) => it.clinicId === clinicId && it.record.id === call.params['id']);
    return found === undefined ? notFoundAnswer() : jsonAnswer(200, { [key]: found.record });
  };
}

function oneOf(key: string, all: { id: string }[]): BearerHandler {
  return (call) => {
    const found = all.find((it) => it.id === call.params['id']);
    return found === undefined ? notFoundAnswer() : jsonAnswer(200, { [key]: found });
  };
}
