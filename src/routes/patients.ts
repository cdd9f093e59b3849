import { type RequestHandler, Router } from 'express';
import { listPatientOrders } from '../fullscript/orders.js';
import { type PatientSummary, getPatient, listPatients } from '../fullscript/patients.js';
import { listPatientPlans } from '../fullscript/treatment-plans.js';
import { found, pageNumber, pager, searchQuery, showBeyond } from './list-page.js';
import { nameProducts, orderRows } from './order-rows.js';
import { nameOf } from './names.js';
import { patientDetails } from './patient-details.js';
import { namePractitioners, planRows } from './plan-rows.js';
import { type PortalPagesDeps, mapSection, sectionsOf, showStatus } from './section.js';

const PATIENTS_A_PAGE = 25;
const HISTORY_A_PAGE = 10;

/** The patients of the clinic, and one of them with treatment plans and orders. */
export function patientRoutes(deps: PortalPagesDeps): Router {
  const router = Router({ caseSensitive: true });
  router.get('/portal/patients', deps.requireGrant, patientList(deps));
  router.get('/portal/patients/:id', deps.requireGrant, patientPage(deps));
  return router;
}

function patientList(deps: PortalPagesDeps): RequestHandler {
  return async (req, res) => {
    const query = searchQuery(req);
    const wanted = { query, page: pageNumber(req), size: PATIENTS_A_PAGE };
    const section = sectionsOf(req, res, deps);
    const about = { what: 'the patients', scope: 'patients:read' };
    const list = await section(about, (api) => listPatients(api, wanted));
    showStatus(res, list);
    const page = {
      query,
      list: mapSection(list, ({ items }) => items.map(patientRow)),
      found: found(list, ['patient', 'patients']),
      pager: pager(req, list, { label: 'Pages of patients' }),
    };
    showBeyond(res, page.pager);
    res.render('portal/patients', { page });
  };
}

function patientRow(patient: PatientSummary) {
  const { id, email, archived } = patient;
  const href = `/portal/patients/${encodeURIComponent(id)}`;
  return { href, name: nameOf(patient), email: email ?? '', archived };
}

function patientPage(deps: PortalPagesDeps): RequestHandler {
  return async (req, res) => {
    const id = String(req.params['id']);
    const section = sectionsOf(req, res, deps);
    const about = { what: 'this patient', scope: 'patients:read' };
    const [patient, plans, orders] = await Promise.all([
      section(about, (api) => getPatient(api, id)),
      section({ ...about, what: 'the treatment plans' }, async (api) => {
        const wanted = { page: pageNumber(req, 'plans'), size: HISTORY_A_PAGE };
        return namePractitioners(api, await listPatientPlans(api, id, wanted));
      }),
      section({ what: 'the orders', scope: 'patients:order_history' }, async (api) => {
        const wanted = { page: pageNumber(req, 'orders'), size: HISTORY_A_PAGE };
        return nameProducts(api, await listPatientOrders(api, id, wanted));
      }),
    ]);
    showStatus(res, patient);
    if (patient.failure?.kind === 'not_found') {
      res.render('portal/patient-gone');
      return;
    }
    const page = {
      title: patient.ready === undefined ? 'Patient' : nameOf(patient.ready),
      patient: mapSection(patient, patientDetails),
      plans: mapSection(plans, planRows),
      orders: mapSection(orders, orderRows),
      plansPager: pager(req, plans, { label: 'Pages of plans', name: 'plans' }),
      ordersPager: pager(req, orders, { label: 'Pages of orders', name: 'orders' }),
    };
    showBeyond(res, page.plansPager);
    showBeyond(res, page.ordersPager);
    res.render('portal/patient', { page });
  };
}
