import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SCENARIOS } from '../../src/simulator/scenario-table.js';
import {
  type ScenarioName,
  type Simulator,
  startSimulator,
} from '../../src/simulator/simulator.js';
import { api, connect, getCode, type OAuth, oauthOf, refresh, send } from './client.js';

const NAMES = Object.keys(SCENARIOS) as ScenarioName[];

let simulator: Simulator;
let pair: OAuth;

beforeEach(async () => {
  simulator = await startSimulator();
  pair = await connect(simulator);
});

afterEach(() => simulator.close());

const call = (path: string, bearer = pair.access_token) => api(simulator, path, bearer);
const statusOf = async (path: string, bearer?: string) => (await call(path, bearer)).status;

async function state(): Promise<Record<string, unknown>> {
  const { text } = await send(`${simulator.origin}/simulator/state`);
  return JSON.parse(text) as Record<string, unknown>;
}

function post(
  body: string | URLSearchParams,
  headers: Record<string, string> = {},
): Promise<Response> {
  const url = `${simulator.origin}/simulator/scenario`;
  return fetch(url, { method: 'POST', body, headers, redirect: 'manual' });
}

describe('scenarios', () => {
  it('slow → the API, and only the API, answers after six seconds', async () => {
    simulator.play('slow');
    expect(simulator.faults.list()).toEqual([
      { endpoint: 'api', kind: 'delay', ms: 6000, scenario: 'slow' },
    ]);
    expect((await refresh(simulator, pair.refresh_token)).status).toBe(200);
  });

  it('lost_answer → the call is done, and nothing comes back', async () => {
    simulator.play('lost_answer');
    const json = { first_name: 'Sam', last_name: 'Reed', email: 'sam@example.test' };
    const bearer = pair.access_token;
    const options = { bearer, method: 'POST', json };
    await expect(api(simulator, '/clinic/patients', options)).rejects.toThrow('fetch failed');
    simulator.play('works');
    expect((await call('/clinic/search/patients?query=sam@example.test')).text).toContain('Reed');
  });

  it('server_error → 500 with a page', async () => {
    simulator.play('server_error');
    const { status, headers, text } = await call('/clinic');
    expect([status, headers.get('content-type')]).toEqual([500, 'text/html; charset=utf-8']);
    expect(text).toContain('<h1>');
  });

  it('unreachable → no answer, nothing done', async () => {
    const fresh = oauthOf(await refresh(simulator, pair.refresh_token));
    simulator.play('unreachable');
    await expect(call('/clinic', fresh.access_token)).rejects.toThrow('fetch failed');
    simulator.play('works');
    // The new access token was not seen, so that the old pair is still good.
    expect(await statusOf('/clinic')).toBe(200);
  });

  it('rate_limited → 429, when to come again, and nothing more', async () => {
    simulator.play('rate_limited');
    const { status, headers, text } = await call('/clinic');
    expect([status, headers.get('retry-after'), text]).toEqual([429, '20', '']);
  });

  it('garbage → the real answer, cut off in the middle', async () => {
    const { text: whole } = await call('/clinic/staff');
    simulator.play('garbage');
    const { status, text } = await call('/clinic/staff');
    expect([status, text]).toEqual([200, whole.slice(0, Math.floor(whole.length / 2))]);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });

  it('expired_token → every access token is old, and can be renewed', async () => {
    simulator.play('expired_token');
    expect(await statusOf('/clinic')).toBe(401);
    const fresh = oauthOf(await refresh(simulator, pair.refresh_token));
    expect(await statusOf('/clinic', fresh.access_token)).toBe(200);
  });

  it('token_slow, token_error → a refresh is due and goes badly; an exchange goes well', async () => {
    simulator.play('token_error');
    expect(await statusOf('/clinic')).toBe(401);
    expect((await refresh(simulator, pair.refresh_token)).status).toBe(503);
    const other = await connect(simulator, simulator.people[1]!.id);
    expect(await statusOf('/clinic', other.access_token)).toBe(200);
    simulator.play('token_slow');
    expect(await statusOf('/clinic', other.access_token)).toBe(401);
    expect(simulator.faults.list()).toEqual([
      {
        endpoint: 'token',
        grantType: 'refresh_token',
        kind: 'delay',
        ms: 6000,
        scenario: 'token_slow',
      },
    ]);
  });

  it('narrower_scope → nothing about patients: by old pairs, refreshed ones and new ones', async () => {
    simulator.play('narrower_scope');
    const refreshed = oauthOf(await refresh(simulator, pair.refresh_token));
    const granted = await connect(simulator, simulator.people[1]!.id);
    for (const one of [refreshed, granted]) {
      expect(one.scope).toBe('catalog:read clinic:read clinic:write');
    }
    for (const one of [pair, refreshed, granted]) {
      expect((await call('/oauth/token/info', one.access_token)).text).not.toContain('patients:');
      expect(await statusOf('/clinic/patients', one.access_token)).toBe(403);
      expect(await statusOf('/clinic/orders', one.access_token)).toBe(403);
      expect(await statusOf('/clinic', one.access_token)).toBe(200);
    }
    simulator.play('works');
    expect(await statusOf('/clinic/patients', refreshed.access_token)).toBe(200);
    expect(await statusOf('/clinic/patients', granted.access_token)).toBe(403);
  });

  it('open_catalog, restricted_catalog → products listed, and not', async () => {
    expect(await statusOf('/catalog/products')).toBe(403);
    simulator.play('open_catalog');
    expect(await statusOf('/catalog/products')).toBe(200);
    simulator.play('restricted_catalog');
    expect(await statusOf('/catalog/products')).toBe(403);
    expect(await statusOf('/catalog/brands')).toBe(200);
  });

  it('revoked → every pair of everybody is dead, and codes are of no use', async () => {
    const other = await connect(simulator, simulator.people[7]!.id);
    const code = await getCode(simulator, { person: simulator.people[2]!.id });
    simulator.play('revoked');
    expect(simulator.stats.livePairs).toBe(0);
    expect([code.length, await statusOf('/clinic', other.access_token)]).toEqual([43, 401]);
    expect((await refresh(simulator, pair.refresh_token)).status).toBe(400);
    const again = await connect(simulator);
    expect(await statusOf('/clinic', again.access_token)).toBe(200);
  });

  it('no_patients → empty lists, a count of nought; all of them back afterwards', async () => {
    const lists = ['/clinic/patients', '/clinic/search/patients?query=a', '/clinic/orders'];
    const empty = { current_page: 1, next_page: null, prev_page: null, total_pages: 1 };
    const before = await Promise.all(lists.map(async (path) => (await call(path)).text));
    const found = JSON.parse(before[0]!) as { patients: { id: string }[] };
    const one = `/clinic/patients/${found.patients[0]!.id}`;
    simulator.play('no_patients');
    for (const path of lists) {
      const answer = JSON.parse((await call(path)).text) as Record<string, unknown>;
      expect(answer).toMatchObject({ meta: { ...empty, total_count: 0 } });
      expect(Object.values(answer)[0]).toEqual([]);
    }
    expect(await statusOf(one)).toBe(404);
    expect((await call('/clinic')).text).toContain('"patient_count":0');
    simulator.play('works');
    expect(await Promise.all(lists.map(async (path) => (await call(path)).text))).toEqual(before);
    expect(await statusOf(one)).toBe(200);
    expect((await call('/clinic')).text).toContain('"patient_count":150');
  });

  it('works → faults, scopes, catalog and patients are as at the start', async () => {
    const { settings } = simulator;
    const before = structuredClone(settings);
    for (const name of NAMES) simulator.play(name);
    simulator.faults.add({ endpoint: 'token', kind: 'drop' });
    simulator.setScopes(['clinic:read']);
    Object.assign(settings, { catalog: 'open', patients: 'none', withheldScopes: ['clinic:read'] });
    simulator.play('works');
    expect([simulator.faults.list(), settings]).toEqual([[], before]);
    expect((await connect(simulator)).scope).toBe(pair.scope);
    expect(simulator.scenario).toBeUndefined();
  });

  it('one after another → each undoes the one before', () => {
    for (const name of NAMES) {
      simulator.play('narrower_scope');
      simulator.play(name);
      const { faults = [], settings = {} } = SCENARIOS[name] as Partial<
        (typeof SCENARIOS)['slow'] & (typeof SCENARIOS)['no_patients']
      >;
      expect(simulator.faults.list()).toHaveLength(faults.length);
      expect(simulator.settings).toMatchObject({ withheldScopes: [], ...settings });
    }
  });

  it('lifetimes and rotation → a scenario leaves them alone', () => {
    Object.assign(simulator.settings, { rotation: 'immediate', accessTokenLifetime: 60 });
    simulator.play('works');
    expect(simulator.settings).toMatchObject({ rotation: 'immediate', accessTokenLifetime: 60 });
  });
});

describe('POST /simulator/scenario', () => {
  it.each(NAMES)('%s as JSON → played, and the state says so', async (scenario) => {
    const body = JSON.stringify({ scenario });
    const answer = await post(body, { 'content-type': 'application/json' });
    expect([answer.status, await answer.text()]).toEqual([200, body]);
    expect((await state())['scenario']).toBe(scenario === 'works' ? undefined : scenario);
  });

  it('form → played, and back to the page, which says what is on', async () => {
    const answer = await post(new URLSearchParams({ scenario: 'rate_limited' }));
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/simulator']);
    const { text } = await send(`${simulator.origin}/simulator`);
    expect(text).toContain('Now: Rate limit.');
    for (const [name, { title, shows }] of Object.entries(SCENARIOS)) {
      expect(text).toContain(`value="${name}"`);
      expect(text).toContain(title);
      expect(text).toContain(shows);
    }
  });

  it('unknown one → 400, nothing changed; as a form with a page', async () => {
    simulator.play('garbage');
    const json = await post('{"scenario":"toString"}', { 'content-type': 'application/json' });
    expect([json.status, await json.json()]).toEqual([
      400,
      { error: expect.any(String) as unknown },
    ]);
    const form = await post(new URLSearchParams({ scenario: '<i>' }));
    expect([form.status, form.headers.get('content-type')]).toEqual([
      400,
      'text/html; charset=utf-8',
    ]);
    expect(await form.text()).toContain('Nothing was changed');
    expect(simulator.scenario).toBe('garbage');
  });

  it('from another site → 403, nothing changed', async () => {
    const body = new URLSearchParams({ scenario: 'revoked' });
    expect((await post(body, { origin: 'https://elsewhere.test' })).status).toBe(403);
    expect(simulator.stats.livePairs).toBe(1);
  });

  it('what it switched on is changed by hand → no scenario any more', async () => {
    simulator.play('server_error');
    simulator.faults.reset();
    expect((await state())['scenario']).toBeUndefined();
    simulator.play('open_catalog');
    simulator.settings.catalog = 'restricted';
    expect(simulator.scenario).toBeUndefined();
  });
});

describe('the documents', () => {
  it.each(NAMES)('name the scenario %s', (name) => {
    expect(readFileSync('docs/simulator.md', 'utf8')).toContain(`| \`${name}\` |`);
  });
});
