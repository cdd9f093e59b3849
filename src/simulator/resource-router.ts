import { Router } from 'express';
import type { Answering, Handler } from './answering.js';
import { jsonAnswer, notFoundAnswer } from './answer.js';
import { type BearerHandler, requireScope } from './bearer.js';
import {
  listBrands,
  listProducts,
  showBrand,
  showProduct,
  showVariant,
} from './catalog-handlers.js';
import { createPeopledData } from './data/peopled-data.js';
import type { DataSet, Owned } from './data/records.js';
import { listOrders } from './order-handlers.js';
import { paginate } from './pagination.js';
import { createPatient, listPatients, showPatient, updatePatient } from './patient-handlers.js';
import { listPlans, showPlan } from './plan-handlers.js';
import type { Provider } from './provider.js';
import type { ProviderSettings } from './settings.js';

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
  const { settings } = provider;
  const table = routes(createPeopledData(data, settings), settings);
  for (const [method, path, scope, handler] of table) {
    router[method](`/api${path}`, answering('api', requireScope(provider, scope, handler)));
  }
  const nowhere: Handler = notFoundAnswer;
  router.all('/api/*rest', answering('api', nowhere));
  return router;
}

function routes(data: DataSet, settings: ProviderSettings): Route[] {
  const products = listProducts(data, settings);
  return [
    ['get', '/clinic', 'clinic:read', showClinic(data)],
    [
      'get',
      '/clinic/practitioners',
      'clinic:read',
      list('practitioners', () => data.practitioners),
    ],
    [
      'get',
      '/clinic/practitioners/:id',
      'clinic:read',
      one('practitioner', () => data.practitioners),
    ],
    ['get', '/clinic/staff', 'clinic:read', list('staff', () => data.staff)],
    ['get', '/clinic/staff/:id', 'clinic:read', one('staff', () => data.staff)],
    ['get', '/clinic/patients', 'patients:read', listPatients(data)],
    ['post', '/clinic/patients', 'patients:write', createPatient(data)],
    ['get', '/clinic/patients/:id', 'patients:read', showPatient(data)],
    ['patch', '/clinic/patients/:id', 'patients:write', updatePatient(data)],
    ['get', '/clinic/search/patients', 'patients:read', listPatients(data)],
    ['get', '/clinic/patients/:id/treatment_plans', 'patients:read', listPlans(data)],
    ['get', '/clinic/treatment_plans/:id', 'patients:read', showPlan(data)],
    ['get', '/clinic/patients/:id/orders', 'patients:order_history', listOrders(data)],
    ['get', '/clinic/orders', 'patients:order_history', listOrders(data)],
    ['get', '/clinic/orders/:id', 'patients:order_history', one('order', () => data.orders)],
    ['get', '/catalog/brands', 'catalog:read', listBrands(data)],
    ['get', '/catalog/brands/:id', 'catalog:read', showBrand(data)],
    ['get', '/catalog/products', 'catalog:read', products],
    ['get', '/catalog/search/products', 'catalog:read', products],
    ['get', '/catalog/products/:id', 'catalog:read', showProduct(data)],
    ['get', '/catalog/variants/:id', 'catalog:read', showVariant(data)],
  ];
}

function showClinic(data: DataSet): BearerHandler {
  return (_call, { clinicId }) => {
    const clinic = data.clinics.find((one) => one.clinicId === clinicId);
    if (clinic === undefined) return notFoundAnswer();
    const count = data.patients.filter((one) => one.clinicId === clinicId).length;
    return jsonAnswer(200, { clinic: { ...clinic.record, patient_count: count } });
  };
}

function list<T>(key: string, all: () => Owned<T>[]): BearerHandler {
  return (call, { clinicId }) => {
    const own = all().filter((one) => one.clinicId === clinicId);
    const { items, meta } = paginate(call, own);
    return jsonAnswer(200, { [key]: items.map(({ record }) => record), meta });
  };
}

function one(key: string, all: () => Owned<{ id: string }>[]): BearerHandler {
  return ({ params }, { clinicId }) => {
    const own = all().filter((it) => it.clinicId === clinicId);
    const found = own.find((it) => it.record.id === params['id']);
    return found === undefined ? notFoundAnswer() : jsonAnswer(200, { [key]: found.record });
  };
}
