import type { Person } from './data/records.js';
import { type Html, html } from './html.js';
import { page } from './page.js';
import { CSRF_FIELD } from './sessions.js';

/** The page where somebody invented signs in, by one click. */
export function signInPage(view: {
  people: Person[];
  csrfToken: string;
  returnTo: string;
  current?: Person | undefined;
}): Html {
  const clinics = [...new Set(view.people.map((person) => person.clinicName))];
  const groups = clinics.map(
    (clinic) =>
      html`<fieldset>
        <legend>${clinic}</legend>
        ${view.people.filter((person) => person.clinicName === clinic).map(personButton)}
      </fieldset>`,
  );
  return page(
    'Sign in',
    html`${
        view.current !== undefined &&
        html`<p>You are signed in as <strong>${view.current.name}</strong>.</p>`
      }
      <p>Choose whom to be. There are no passwords here.</p>
      <form method="post" action="/login">
        ${hidden(CSRF_FIELD, view.csrfToken)}${hidden('return_to', view.returnTo)}${groups}
      </form>`,
  );
}

/** The consent page. The action keeps the query as it came, so that `state` stays as it is. */
export function consentPage(view: {
  person: Person;
  clientName: string;
  scopes: string[];
  action: string;
  csrfToken: string;
  returnTo: string;
}): Html {
  const { person } = view;
  return page(
    'Authorization',
    html`<p>
        <strong>${view.clientName}</strong> would like to use the Fullscript account of
        <strong>${person.name}</strong> (${person.type}, ${person.clinicName}).
      </p>
      <p>It will be able to use:</p>
      <ul>
        ${describeScopes(view.scopes).map((line) => html`<li>${line}</li>`)}
      </ul>
      <form method="post" action="${view.action}" class="actions">
        ${hidden(CSRF_FIELD, view.csrfToken)}${hidden('person', person.id)}
        <button class="primary" name="decision" value="approve">Authorize Application</button>
        <button name="decision" value="deny">Cancel</button>
      </form>
      <form method="post" action="/logout">
        ${hidden(CSRF_FIELD, view.csrfToken)}${hidden('return_to', view.returnTo)}
        <button class="link">Use another account</button>
      </form>`,
  );
}

/** The page of a request that cannot be answered at the client. */
export function errorPage(title: string, reason: string): Html {
  return page(
    title,
    html`<p class="error">${reason}</p>
      <p>Nothing was sent to the application. Go back to it and try again.</p>`,
  );
}

/** Says in words what a set of scopes allows. */
export function describeScopes(scopes: string[]): string[] {
  const has = (scope: string): boolean => scopes.includes(scope);
  const access = (area: string, name: string): string | undefined => {
    if (has(`${area}:write`)) return `${name} – read and write access`;
    return has(`${area}:read`) ? `${name} – read-only access` : undefined;
  };
  const lines = [
    access('catalog', 'Product Catalog'),
    access('clinic', 'Clinic and Practitioner Account'),
    access('patients', 'Patients'),
    has('patients:treatment_plan_history')
      ? 'Treatment Plan History – read-only access'
      : undefined,
    has('patients:order_history') ? 'Order History – read-only access' : undefined,
  ];
  const named = /^(catalog|clinic|patients):(read|write|treatment_plan_history|order_history)$/;
  return [...lines, ...scopes.filter((scope) => !named.test(scope))].filter(
    (line) => line !== undefined,
  );
}

function personButton(person: Person): Html {
  return html`<button class="person" name="person" value="${person.id}">
    <strong>${person.name}</strong><span>${person.type}</span><small>${person.email}</small>
  </button>`;
}

function hidden(name: string, value: string): Html {
  return html`<input type="hidden" name="${name}" value="${value}" />`;
}
