import type { Person } from './data/records.js';
import { type Html, html } from './html.js';
import { page } from './page.js';
import type { ProviderSettings } from './provider.js';

interface ControlView {
  people: (Person & { livePairs: number })[];
  stats: [name: string, count: number][];
  settings: ProviderSettings;
  faults: string[];
  requests: { id: string; method: string; path: string; grantType?: string; status?: number }[];
  apiUrl: string;
}

const ENDPOINTS = ['token', 'api', 'revoke', 'authorize'];
const KINDS = [
  'status',
  'delay',
  'drop',
  'lost_answer',
  'garbage',
  'missing_field',
  'narrow_scope',
  'change_owner',
  'string_numbers',
];

/** The page from which a person steers the simulator. */
export function controlPage(view: ControlView): Html {
  return page(
    'Control panel',
    html`<p>API base: <code>${view.apiUrl}</code> · <a href="/login">sign in as somebody</a></p>
      ${peopleSection(view)} ${faultSection(view)} ${settingsSection(view)} ${countSection(view)}
      ${requestSection(view)}`,
  );
}

function peopleSection({ people }: ControlView): Html {
  return html`<section>
    <h2>People</h2>
    <table>
      <tr>
        <th>Name</th>
        <th>Type</th>
        <th>Clinic</th>
        <th>Live pairs</th>
        <th></th>
      </tr>
      ${people.map(
        (person) =>
          html`<tr>
            <td>${person.name}<br /><code>${person.id}</code></td>
            <td>${person.type}</td>
            <td>${person.clinicName}</td>
            <td>${person.livePairs}</td>
            <td>
              <form method="post" action="/simulator/revoke">
                <button name="ownerId" value="${person.id}">Revoke</button>
              </form>
            </td>
          </tr>`,
      )}
    </table>
    <form method="post" action="/simulator/expire-access-tokens">
      <button>Expire all access tokens</button>
    </form>
  </section>`;
}

function faultSection({ faults }: ControlView): Html {
  return html`<section>
    <h2>Faults</h2>
    ${faults.length === 0 ? html`<p>None: everything works.</p>` : html``}
    <ul>
      ${faults.map((fault) => html`<li><code>${fault}</code></li>`)}
    </ul>
    <form method="post" action="/simulator/faults" class="grid">
      <label>Endpoint ${select('endpoint', ENDPOINTS)}</label>
      <label>Kind ${select('kind', KINDS)}</label>
      <label>Times <input name="times" type="number" min="1" placeholder="until reset" /></label>
      <label>Status <input name="status" type="number" value="503" /></label>
      <label>Delay in ms <input name="ms" type="number" value="2000" /></label>
      <label>When ${select('when', ['before', 'after'])}</label>
      <label>Missing fields <input name="fields" value="refresh_token" /></label>
      <label>Scope without <input name="without" value="patients:read" /></label>
      <label>Grant type <input name="grantType" placeholder="any" /></label>
      <label>Path begins with <input name="path" placeholder="/api/clinic" /></label>
      <button class="primary">Switch on</button>
    </form>
    <form method="post" action="/simulator/reset-faults"><button>Reset faults</button></form>
  </section>`;
}

function settingsSection({ settings }: ControlView): Html {
  const rotations = ['on_use', 'immediate'].sort((one) => (one === settings.rotation ? -1 : 1));
  return html`<section>
    <h2>Settings</h2>
    <form method="post" action="/simulator/settings" class="grid">
      <label>Rotation ${select('rotation', rotations)}</label>
      <label>
        Access token lifetime (s)
        <input name="accessTokenLifetime" type="number" value="${settings.accessTokenLifetime}" />
      </label>
      <label>
        Code lifetime (s)
        <input name="codeLifetime" type="number" value="${settings.codeLifetime}" />
      </label>
      <label>Scopes of future grants <input name="scopes" placeholder="unchanged" /></label>
      <button class="primary">Save</button>
    </form>
  </section>`;
}

function countSection({ stats }: ControlView): Html {
  return html`<section>
    <h2>Calls so far</h2>
    <table>
      ${stats.map(
        ([name, count]) =>
          html`<tr>
            <td>${name}</td>
            <td>${count}</td>
          </tr>`,
      )}
    </table>
  </section>`;
}

function requestSection({ requests }: ControlView): Html {
  return html`<section>
    <h2>Latest requests</h2>
    <table>
      ${requests.map(
        (one) =>
          html`<tr>
            <td>${one.method}</td>
            <td><code>${one.path}</code> ${one.grantType}</td>
            <td>${one.status ?? '–'}</td>
          </tr>`,
      )}
    </table>
  </section>`;
}

function select(name: string, options: string[]): Html {
  return html`<select name="${name}">
    ${options.map((option) => html`<option>${option}</option>`)}
  </select>`;
}
