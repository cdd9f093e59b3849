import { type Html, html } from './html.js';
import { type Scenario, type ScenarioName, SCENARIOS } from './scenario-table.js';
import type { ProviderSettings } from './settings.js';

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

/** One button for each state that can be played, and which one is on. */
export function scenarioSection(current: ScenarioName | undefined): Html {
  const on: Scenario = SCENARIOS[current ?? 'works'];
  return html`<section aria-labelledby="play">
    <h2 id="play">Play a state</h2>
    <p class="now" role="status">
      <strong>Now: ${current === undefined ? 'no scenario' : on.title}.</strong>
      ${current === undefined ? 'Choose what Fullscript shall be like.' : on.shows}
    </p>
    <form method="post" action="/simulator/scenario">
      <ul class="scenarios">
        ${Object.entries(SCENARIOS).map(([name, scenario]) => scenarioButton(name, scenario, current))}
      </ul>
    </form>
  </section>`;
}

function scenarioButton(name: string, { title, shows }: Scenario, current?: string): Html {
  const id = `shows-${name}`;
  return html`<li>
    <button
      name="scenario"
      value="${name}"
      aria-describedby="${id}"
      class="${name === 'works' ? 'primary' : 'plain'}"
    >
      ${title}
    </button>
    ${name === current && html`<strong class="badge">on</strong>`}
    <p id="${id}">${shows}</p>
  </li>`;
}

/** The faults that are on, and a form for one more. */
export function faultSection(faults: string[]): Html {
  return html`<section aria-labelledby="faults">
    <h2 id="faults">Faults</h2>
    ${faults.length === 0 && html`<p>None is on.</p>`}
    ${
      faults.length > 0 &&
      html`<ul>
        ${faults.map((fault) => html`<li><code>${fault}</code></li>`)}
      </ul>`
    }
    <form method="post" action="/simulator/faults" class="grid">
      <label>Endpoint ${select('endpoint', ENDPOINTS)}</label>
      <label>Kind ${select('kind', KINDS)}</label>
      <label>Times <input name="times" type="number" min="1" placeholder="until reset" /></label>
      <label>Grant type <input name="grantType" placeholder="any" /></label>
      <label>Path begins with <input name="path" placeholder="/api/clinic" /></label>
      <label>When ${select('when', ['before', 'after'])}</label>
      <label>Status <input name="status" type="number" min="200" max="599" value="503" /></label>
      <label>
        Headers, one a line
        <textarea name="headers" rows="2" placeholder="Retry-After: 20"></textarea>
      </label>
      <label>Body <textarea name="body" rows="2" placeholder="empty"></textarea></label>
      <label>Delay in ms <input name="ms" type="number" min="0" value="2000" /></label>
      <label>Missing fields <input name="fields" value="refresh_token" /></label>
      <label>Scope without <input name="without" value="patients:read" /></label>
      <div class="actions"><button class="primary">Switch on</button></div>
    </form>
    <form method="post" action="/simulator/reset-faults">
      <button>Switch all faults off</button>
    </form>
  </section>`;
}

/** What may change while it runs. */
export function settingsSection(settings: ProviderSettings): Html {
  const { rotation, catalog, patients, accessTokenLifetime, codeLifetime } = settings;
  const withheld = settings.withheldScopes.join(' ');
  return html`<section aria-labelledby="settings">
    <h2 id="settings">Settings</h2>
    <form method="post" action="/simulator/settings" class="grid">
      <label>Rotation ${select('rotation', ['on_use', 'immediate'], rotation)}</label>
      <label>
        Access token lifetime (s)
        <input name="accessTokenLifetime" type="number" min="1" value="${accessTokenLifetime}" />
      </label>
      <label>
        Code lifetime (s)
        <input name="codeLifetime" type="number" min="1" value="${codeLifetime}" />
      </label>
      <label>Product catalog ${select('catalog', ['restricted', 'open'], catalog)}</label>
      <label>Patients ${select('patients', ['seeded', 'none'], patients)}</label>
      <label>Scopes of future grants <input name="scopes" placeholder="unchanged" /></label>
      <label>
        Withheld scopes <input name="withheldScopes" placeholder="none" value="${withheld}" />
      </label>
      <div class="actions"><button class="primary">Save</button></div>
    </form>
  </section>`;
}

function select(name: string, options: string[], chosen?: string): Html {
  return html`<select name="${name}">
    ${options.map((option) =>
      option === chosen
        ? html`<option selected>${option}</option>`
        : html`<option>${option}</option>`,
    )}
  </select>`;
}
