import { faultSection, scenarioSection, settingsSection } from './control-forms.js';
import type { Person } from './data/records.js';
import { type Html, html } from './html.js';
import { page } from './page.js';
import type { ScenarioName } from './scenario-table.js';
import type { ProviderSettings } from './settings.js';

interface ControlView {
  scenario: ScenarioName | undefined;
  people: (Person & { livePairs: number })[];
  stats: [name: string, count: number][];
  settings: ProviderSettings;
  faults: string[];
  requests: { id: string; method: string; path: string; grantType?: string; status?: number }[];
  apiUrl: string;
}

/** The page from which a person steers the simulator. */
export function controlPage(view: ControlView): Html {
  return page(
    'Control panel',
    html`<p>API base: <code>${view.apiUrl}</code> · <a href="/login">sign in as somebody</a></p>
      ${scenarioSection(view.scenario)} ${peopleSection(view)} ${faultSection(view.faults)}
      ${settingsSection(view.settings)} ${countSection(view)} ${requestSection(view)}`,
  );
}

/** Says why what a form asked for was not done. */
export function refusedFormPage(reason: string): Html {
  return page(
    'Nothing was changed',
    html`<p class="error pre">${reason}</p>
      <p><a href="/simulator">Back to the control panel</a></p>`,
  );
}

function peopleSection({ people }: ControlView): Html {
  return html`<section aria-labelledby="people">
    <h2 id="people">People</h2>
    <form method="post" action="/simulator/revoke">
      <table aria-labelledby="people">
        <thead>
          <tr>
            <th scope="col">Person</th>
            <th scope="col">Live pairs</th>
            <th scope="col">In Fullscript</th>
          </tr>
        </thead>
        <tbody>
          ${people.map(personRow)}
        </tbody>
      </table>
    </form>
    <form method="post" action="/simulator/expire-access-tokens">
      <button>Expire all access tokens</button>
    </form>
  </section>`;
}

function personRow({ id, name, type, clinicName, livePairs }: ControlView['people'][number]): Html {
  return html`<tr>
    <th scope="row">
      ${name}<small>${type}, ${clinicName}<br /><code>${id}</code></small>
    </th>
    <td>${livePairs}</td>
    <td>
      <button name="ownerId" value="${id}">
        Revoke<span class="hidden"> what ${name} granted</span>
      </button>
    </td>
  </tr>`;
}

function countSection({ stats }: ControlView): Html {
  return html`<section aria-labelledby="calls">
    <h2 id="calls">Calls so far</h2>
    <table aria-labelledby="calls">
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">How many</th>
        </tr>
      </thead>
      <tbody>
        ${stats.map(
          ([name, count]) =>
            html`<tr>
              <th scope="row">${name}</th>
              <td>${count}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}

function requestSection({ requests }: ControlView): Html {
  return html`<section aria-labelledby="requests">
    <h2 id="requests">Latest requests</h2>
    ${requests.length === 0 && html`<p>None yet.</p>`}
    ${requests.length > 0 && requestTable(requests)}
  </section>`;
}

function requestTable(requests: ControlView['requests']): Html {
  return html`<table aria-labelledby="requests">
    <thead>
      <tr>
        <th scope="col">Method</th>
        <th scope="col">Path</th>
        <th scope="col">Status</th>
      </tr>
    </thead>
    <tbody>
      ${requests.map(
        (one) =>
          html`<tr>
            <td>${one.method}</td>
            <td><code>${one.path}</code> ${one.grantType}</td>
            <td>${one.status ?? 'none'}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}
