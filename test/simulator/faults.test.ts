import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readEnvironment } from '../../src/simulator/environment.js';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.js';
import {
  api,
  authorizeUrl,
  connect,
  exchangeBody,
  getCode,
  oauthOf,
  refresh,
  send,
  token,
} from './client.js';

let simulator: Simulator;
const lines: Record<string, unknown>[] = [];

beforeEach(async () => {
  lines.length = 0;
  simulator = await startSimulator({ log: (line) => lines.push(line) });
});

afterEach(() => simulator.close());

function control(name: string, json: unknown, headers: Record<string, string> = {}) {
  return send(`${simulator.origin}/simulator/${name}`, { method: 'POST', json, headers });
}

describe('faults', () => {
  it('status, twice → answered unprocessed, then all is well', async () => {
    const { refresh_token: refreshToken } = await connect(simulator);
    const headers = { 'Retry-After': '7' };
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 429, headers, times: 2 });
    for (let round = 0; round < 2; round += 1) {
      const answer = await refresh(simulator, refreshToken);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '7']);
    }
    expect(simulator.stats.pairsIssued).toBe(1);
    expect((await refresh(simulator, refreshToken)).status).toBe(200);
    expect(simulator.faults.list()).toEqual([]);
    expect(simulator.stats.refreshes).toBe(3);
  });

  it('status after processing → the pair was issued all the same', async () => {
    const { refresh_token: refreshToken } = await connect(simulator);
    const body = { error: 'bad gateway' };
    simulator.faults.add({ endpoint: 'token', kind: 'status', status: 502, body, when: 'after' });
    const answer = await refresh(simulator, refreshToken);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([502, body]);
    expect(simulator.stats.pairsIssued).toBe(2);
  });

  it('drop → nothing done; lost answer → done, and only the answer is missing', async () => {
    const { refresh_token: refreshToken } = await connect(simulator);
    simulator.faults.add({ endpoint: 'token', kind: 'drop', times: 1 });
    await expect(refresh(simulator, refreshToken)).rejects.toThrow('fetch failed');
    expect(simulator.stats.pairsIssued).toBe(1);
    simulator.faults.add({ endpoint: 'token', kind: 'lost_answer', times: 1 });
    await expect(refresh(simulator, refreshToken)).rejects.toThrow('fetch failed');
    expect(simulator.stats.pairsIssued).toBe(2);
    expect(simulator.requests.at(-1)).not.toHaveProperty('status');
    expect((await refresh(simulator, refreshToken)).status).toBe(200);
  });

  it('grant type and path → only those calls are struck', async () => {
    simulator.faults.add({ endpoint: 'token', grantType: 'refresh_token', kind: 'drop' });
    simulator.faults.add({ endpoint: 'api', path: '/api/catalog', kind: 'status', status: 500 });
    const pair = await connect(simulator);
    await expect(refresh(simulator, pair.refresh_token)).rejects.toThrow();
    expect((await api(simulator, '/clinic', pair.access_token)).status).toBe(200);
    expect((await api(simulator, '/catalog/brands', pair.access_token)).status).toBe(500);
    simulator.faults.reset();
    expect((await api(simulator, '/catalog/brands', pair.access_token)).status).toBe(200);
  });

  it('delay until a signal → before: not done yet; after: done, not yet answered', async () => {
    const { refresh_token: refreshToken } = await connect(simulator);
    for (const [when, issued] of [
      ['before', 1],
      ['after', 3],
    ] as const) {
      const gate = new EventEmitter();
      simulator.faults.add({
        endpoint: 'token',
        kind: 'delay',
        until: once(gate, 'open'),
        when,
        times: 1,
      });
      const waiting = refresh(simulator, refreshToken);
      await arrival(() => simulator.stats.refreshes === (when === 'before' ? 1 : 2));
      expect(simulator.stats.pairsIssued).toBe(issued);
      gate.emit('open');
      expect((await waiting).status).toBe(200);
    }
  });

  it('delay by time → answered in the end; closing does not wait for it', async () => {
    const { access_token: access } = await connect(simulator);
    simulator.faults.add({ endpoint: 'api', kind: 'delay', ms: 1, times: 1 });
    expect((await api(simulator, '/clinic', access)).status).toBe(200);
    simulator.faults.add({ endpoint: 'api', kind: 'delay', ms: 600_000 });
    const waiting = api(simulator, '/clinic', access);
    await arrival(() => simulator.stats.apiCalls === 2);
    const [outcome] = await Promise.allSettled([waiting, simulator.close()]);
    expect(outcome.status).toBe('rejected');
  });

  it('bent answers → garbage, missing fields, less scope, another owner, numbers as text', async () => {
    const { refresh_token: refreshToken } = await connect(simulator);
    const bent = async (fault: object): Promise<string> => {
      const add = { endpoint: 'token', times: 1, ...fault };
      expect((await control('faults', add)).status).toBe(200);
      return (await refresh(simulator, refreshToken)).text;
    };
    const garbage = await bent({ kind: 'garbage' });
    expect(() => JSON.parse(garbage) as unknown).toThrow();
    const missing = await bent({ kind: 'missing_field', fields: ['refresh_token', 'scope'] });
    expect(Object.keys((JSON.parse(missing) as { oauth: object }).oauth)).toEqual([
      'access_token',
      'token_type',
      'expires_in',
      'created_at',
      'resource_owner',
    ]);
    const narrow = await bent({ kind: 'narrow_scope', without: 'patients:read clinic:write' });
    const { scope } = (JSON.parse(narrow) as { oauth: { scope: string } }).oauth;
    expect(scope).toContain('clinic:read');
    expect(scope).not.toMatch(/patients:read|clinic:write/);
    const owner = { id: 'somebody-else', type: 'Staff' };
    const changed = await bent({ kind: 'change_owner', owner });
    expect(JSON.parse(changed)).toMatchObject({ oauth: { resource_owner: owner } });
    const text = await bent({ kind: 'string_numbers' });
    expect(JSON.parse(text)).toMatchObject({
      oauth: { expires_in: '7200', created_at: expect.any(Number) as unknown },
    });
  });

  it('authorize and revoke → struck as well', async () => {
    simulator.faults.add({ endpoint: 'authorize', kind: 'status', status: 503 });
    expect((await send(authorizeUrl(simulator))).status).toBe(503);
    const off = simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 500 });
    const url = `${simulator.apiUrl}/oauth/revoke`;
    expect((await send(url, { method: 'POST', json: {} })).status).toBe(500);
    off();
    expect((await send(url, { method: 'POST', json: {} })).status).toBe(403);
  });
});

describe('control endpoints', () => {
  it('health and state → recognisable, with counts', async () => {
    const health = await send(`${simulator.origin}/simulator/health`);
    expect(JSON.parse(health.text)).toEqual({ simulator: 'fullscript', apiUrl: simulator.apiUrl });
    const { access_token: access } = await connect(simulator);
    await api(simulator, '/clinic', access);
    const state = await send(`${simulator.origin}/simulator/state`);
    expect(JSON.parse(state.text)).toMatchObject({
      exchanges: 1,
      refreshes: 0,
      revokes: 0,
      apiCalls: 1,
      livePairs: 1,
      settings: { rotation: 'on_use' },
    });
  });

  it('expire and revoke → as in process', async () => {
    const { access_token: access, resource_owner: owner } = await connect(simulator);
    expect((await control('expire-access-tokens', {})).text).toBe('{"expired":1}');
    expect((await api(simulator, '/clinic', access)).status).toBe(401);
    expect((await control('revoke', { ownerId: owner.id })).text).toBe('{"revoked":1}');
    expect(simulator.stats.livePairs).toBe(0);
  });

  it('settings → rule what comes after', async () => {
    const settings = { rotation: 'immediate', accessTokenLifetime: 60, scopes: ['clinic:read'] };
    expect((await control('settings', settings)).status).toBe(200);
    const pair = await connect(simulator);
    expect(pair).toMatchObject({ expires_in: 60, scope: 'clinic:read' });
    await refresh(simulator, pair.refresh_token);
    expect((await refresh(simulator, pair.refresh_token)).status).toBe(400);
  });

  it('settings of what the API shows → in force at once; emptied in the form, nothing is withheld', async () => {
    const { access_token: access } = await connect(simulator);
    const settings = { catalog: 'open', patients: 'none', withheldScopes: 'clinic:read' };
    await control('settings', settings);
    const statuses = async () => {
      const paths = ['/catalog/products', '/clinic/patients', '/clinic'];
      return Promise.all(paths.map(async (path) => (await api(simulator, path, access)).status));
    };
    expect(await statuses()).toEqual([200, 200, 403]);
    expect((await api(simulator, '/clinic/patients', access)).text).toContain('"total_count":0');
    const url = `${simulator.origin}/simulator/settings`;
    const body = new URLSearchParams({ withheldScopes: '', scopes: '', rotation: 'on_use' });
    await fetch(url, { method: 'POST', body, redirect: 'manual' });
    expect(await statuses()).toEqual([200, 200, 200]);
    expect(simulator.settings).toMatchObject({ catalog: 'open', patients: 'none' });
  });

  it('several faults at once, then reset → on, then off', async () => {
    const wanted = [
      { endpoint: 'token', kind: 'drop' },
      { endpoint: 'api', kind: 'delay', ms: 5 },
    ];
    expect(JSON.parse((await control('faults', wanted)).text)).toEqual({ faults: wanted });
    expect((await control('reset-faults', {})).text).toBe('{"faults":[]}');
    expect(simulator.faults.list()).toEqual([]);
  });

  it.each([
    ['faults', { endpoint: 'token', kind: 'nonsense' }],
    ['faults', { endpoint: 'elsewhere', kind: 'drop' }],
    ['faults', { endpoint: 'token', kind: 'status' }],
    ['faults', { endpoint: 'api', kind: 'status', status: 429, headers: { 'Bad name': '1' } }],
    ['faults', { endpoint: 'api', kind: 'status', status: 429, headers: { a: '1\n2' } }],
    ['faults', { endpoint: 'api', kind: 'status', status: 429, headers: 'Retry-After 20' }],
    ['settings', { rotation: 'sometimes' }],
    ['settings', { catalog: 'closed' }],
    ['settings', { patients: 'some' }],
    ['scenario', {}],
    ['revoke', {}],
  ])('%s that makes no sense → 400 and a reason', async (name, body) => {
    const answer = await control(name, body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual({ error: expect.any(String) as unknown });
    expect(simulator.faults.list()).toEqual([]);
  });

  it('request from another site → 403, nothing done; own origin → done', async () => {
    const fault = { endpoint: 'token', kind: 'drop' };
    for (const origin of ['https://elsewhere.test', 'null']) {
      expect((await control('faults', fault, { origin })).status).toBe(403);
    }
    expect(simulator.faults.list()).toEqual([]);
    expect((await control('faults', fault, { origin: simulator.origin })).status).toBe(200);
  });

  it('form of the control page → fault on, and back to the page', async () => {
    const form = {
      endpoint: 'api',
      kind: 'status',
      status: '503',
      times: '',
      ms: '2000',
      when: 'before',
      grantType: '',
      path: '',
      fields: 'refresh_token',
    };
    const url = `${simulator.origin}/simulator/faults`;
    const body = new URLSearchParams(form);
    const answer = await fetch(url, { method: 'POST', body, redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/simulator']);
    expect(simulator.faults.list()).toEqual([
      { endpoint: 'api', kind: 'status', status: 503, when: 'before' },
    ]);
    const page = await send(`${simulator.origin}/simulator`);
    expect(page.text).toContain('&quot;status&quot;:503');
    expect(page.text).toMatch(/no\s+real/);
    expect(page.text).toContain('Ana Osei');
    const style = await send(`${simulator.origin}/simulator/style.css`);
    expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
  });
});

describe('records', () => {
  it('what came in → recorded with body and grant type; log lines hold no secret', async () => {
    const code = await getCode(simulator);
    const pair = oauthOf(await token(simulator, exchangeBody(code)));
    await api(simulator, `/clinic?access_token=${pair.access_token}`);
    const [exchange, call] = simulator.requests.slice(-2);
    expect(exchange).toMatchObject({
      method: 'POST',
      path: '/api/oauth/token',
      grantType: 'authorization_code',
      status: 200,
      body: expect.stringContaining(code) as unknown,
    });
    expect(call).toMatchObject({ method: 'GET', path: '/api/clinic', status: 200 });
    const logged = JSON.stringify(lines);
    const { codes, accessTokens, refreshTokens } = simulator.issued;
    for (const secret of [...codes, ...accessTokens, ...refreshTokens]) {
      expect(logged).not.toContain(secret);
    }
    expect([codes, accessTokens]).toEqual([[code], [pair.access_token]]);
  });

  it('body over a megabyte → 413, and the server lives on', async () => {
    const json = { filler: 'x'.repeat(2_000_000) };
    expect((await token(simulator, json)).status).toBe(413);
    expect((await token(simulator, {})).status).toBe(400);
  });
});

describe('environment', () => {
  it('nothing set, or set to nothing → defaults', () => {
    expect(readEnvironment({ SIMULATOR_HOST: '' })).toEqual({ options: { port: 4010 } });
  });

  it('in quotes, as `docker --env-file` passes them on → without them', () => {
    expect(readEnvironment({ SIMULATOR_HOST: "''", SIMULATOR_PORT: '"4011"' })).toEqual({
      options: { port: 4011 },
    });
  });

  it('everything wrong → every problem at once', () => {
    const { problems } = readEnvironment({
      SIMULATOR_PORT: '99999',
      SIMULATOR_ROTATION: 'maybe',
      SIMULATOR_REDIRECT_URIS: 'http://a.test/cb,nonsense',
      SIMULATOR_ACCESS_TOKEN_LIFETIME: '0',
    });
    expect(problems?.map((problem) => problem.split(':')[0])).toEqual([
      'SIMULATOR_PORT',
      'SIMULATOR_REDIRECT_URIS',
      'SIMULATOR_ROTATION',
      'SIMULATOR_ACCESS_TOKEN_LIFETIME',
    ]);
  });
});

/** Lets the event loop turn until the request has come in. */
async function arrival(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
