import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { secret } from '../../src/oauth/secret.js';
import type { Browser } from '../support/browser.js';
import { type OpenApp, callbackWith, openApp } from '../support/open-app.js';
import { until } from '../support/until.js';

/** What is written down about sign-ins, sessions and grants. */

type Line = Record<string, unknown>;

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let app: OpenApp;
let browser: Browser;
let person: { id: string; type: string };
let tag: string;

beforeAll(async () => {
  // The quietest level but one: audit lines are not turned off by it.
  app = await openApp({ env: () => ({ LOG_LEVEL: 'error' }) });
  person = app.simulator.people.find(({ type }) => type === 'Practitioner')!;
  const owner = { id: person.id, type: 'Practitioner' } as const;
  const { inLogs } = createOwnerTags([secret(app.env.SESSION_SECRET)]);
  tag = inLogs({ registration: 'us-sandbox', owner });
});

afterAll(() => app.close());

beforeEach(() => {
  browser = app.browser();
  app.simulator.faults.reset();
});

/** The lines of one request, found by its id. */
async function linesOf(requestId: string, wanted: string): Promise<Line[]> {
  const mine = () => app.records().filter((line) => line['requestId'] === requestId);
  await until(() => mine().some(({ audit }) => audit === wanted));
  return mine();
}

async function audited(wanted: string, act: (requestId: string) => Promise<unknown>) {
  const requestId = `audit-${wanted}-${Math.random().toString(36).slice(2)}`;
  await act(requestId);
  const line = (await linesOf(requestId, wanted)).find(({ audit }) => audit === wanted)!;
  expect(line['time']).toMatch(UTC);
  return line;
}

const withId = (id: string) => ({ headers: { 'x-request-id': id } });

async function post(path: string, id: string): Promise<unknown> {
  const headers = { 'x-request-id': id, 'x-csrf-token': await browser.csrfToken() };
  return browser.send(path, { method: 'POST', headers });
}

describe('SR-56 each event has a line: when in UTC, who, which request, with what outcome', () => {
  it('SR-56 a sign-in that starts, and one that succeeds', async () => {
    const started = await audited('sign_in_started', (id) =>
      browser.send('/oauth/authorize', withId(id)),
    );
    expect(started).toMatchObject({ registration: 'us-sandbox' });
    const path = await callbackWith(browser, app.simulator);
    const saved = await audited('signed_in', (id) => browser.send(path, withId(id)));
    expect(saved).toMatchObject({ registration: 'us-sandbox', ownerType: 'Practitioner' });
    expect(saved['owner']).toBe(tag);
    const lines = app.records().filter(({ requestId }) => requestId === saved['requestId']);
    expect(lines.map(({ audit }) => audit)).toEqual(['grant_saved', 'signed_in']);
  });

  it.each<[string, () => Promise<string>]>([
    ['state_missing', () => Promise.resolve('/oauth/callback?code=x')],
    ['state_unknown', () => Promise.resolve('/oauth/callback?code=x&state=y')],
    ['parameter_duplicated', () => Promise.resolve('/oauth/callback?state=x&state=y')],
    ['issuer_mismatch', () => callbackWith(browser, app.simulator, { iss: 'https://evil.test' })],
    ['access_denied', () => callbackWith(browser, app.simulator, { error: 'access_denied' })],
    ['authorization_failed', () => callbackWith(browser, app.simulator, { error: 'server_error' })],
    ['code_missing', () => callbackWith(browser, app.simulator, { code: '' })],
    ['invalid_grant', () => callbackWith(browser, app.simulator, { code: 'made-up' })],
    ['server_error', failing({ kind: 'status', status: 500 })],
    ['no_answer', failing({ kind: 'lost_answer' })],
    ['rate_limited', failing({ kind: 'status', status: 429, headers: { 'retry-after': '60' } })],
    ['invalid_response', failing({ kind: 'garbage' })],
    ['invalid_client', failing({ kind: 'status', status: 401, body: { error: 'invalid_client' } })],
    ['resource_owner_missing', failing({ kind: 'missing_field', fields: ['resource_owner'] })],
    [
      'resource_owner_unknown_type',
      failing({ kind: 'change_owner', owner: { id: 'a', type: 'Patient' } }),
    ],
  ])('SR-56 a sign-in that fails with %s', async (reason, callback) => {
    const path = await callback();
    const line = await audited('sign_in_failed', (id) => browser.send(path, withId(id)));
    expect(line).toMatchObject({ reason, level: 40 });
  });

  it('SR-56 a refresh, one that fails, and a grant that is refused', async () => {
    await browser.signIn(person.id);
    app.simulator.expireAccessTokens();
    const call = (id: string) => browser.send('/api/fullscript/clinic', withId(id));
    const refreshed = await audited('refreshed', call);
    expect(refreshed).toMatchObject({ owner: tag, tookMs: expect.any(Number) as unknown });
    app.simulator.expireAccessTokens();
    app.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
    const failed = await audited('refresh_failed', call);
    expect(failed).toMatchObject({ owner: tag, err: { code: 'server_error' } });
    app.simulator.revokeAuthorization(person.id);
    const refused = await audited('reconnect_needed', (id) => post('/oauth/refresh', id));
    expect(refused).toMatchObject({ owner: tag, reason: 'refresh_token_refused' });
  });

  it('SR-56 a disconnect, and a revocation that fails and is confirmed later', async () => {
    await browser.signIn(person.id);
    const gone = await audited('disconnected', (id) => post('/oauth/disconnect', id));
    expect(gone).toMatchObject({ owner: tag, outcome: 'revoked' });
    await browser.signIn(person.id);
    app.simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503, times: 1 });
    const failed = await audited('revoke_failed', (id) => post('/oauth/disconnect', id));
    expect(failed).toMatchObject({ registration: 'us-sandbox', err: { code: 'server_error' } });
    await until(() => app.records().some(({ audit }) => audit === 'revocation_confirmed'));
  });

  it('SR-56 sessions that a user ends from another one', async () => {
    const phone = app.browser();
    await browser.signIn(person.id);
    await phone.signIn(person.id);
    const all = await audited('sessions_ended', (id) => post('/sign-out/others', id));
    expect(all).toMatchObject({ owner: tag, sessions: expect.any(Number) as unknown });
    await phone.signIn(person.id);
    const { sessions } = await browser.json<{ sessions: { id: string; current: boolean }[] }>(
      '/api/sessions',
    );
    const other = sessions.find(({ current }) => !current)!;
    const line = await audited('sessions_ended', async (id) => {
      const body = new URLSearchParams({ _csrf: await browser.csrfToken(), session: other.id });
      const headers = { 'x-request-id': id };
      return browser.send('/sign-out/session', { method: 'POST', headers, body });
    });
    expect(line).toMatchObject({ owner: tag, sessions: 1 });
  });

  it('SR-56 a sign-out, and one on all devices', async () => {
    await browser.signIn(person.id);
    const out = await audited('signed_out', (id) => post('/sign-out', id));
    expect(out).toMatchObject({ owner: tag });
    await browser.signIn(person.id);
    const all = await audited('signed_out_everywhere', (id) => post('/sign-out/everywhere', id));
    expect(all).toMatchObject({ owner: tag, sessions: expect.any(Number) as unknown });
  });
});

function failing(fault: object): () => Promise<string> {
  return async () => {
    const path = await callbackWith(browser, app.simulator);
    app.simulator.faults.add({ endpoint: 'token', times: 1, ...fault } as never);
    return path;
  };
}

describe('SR-56 nobody else writes in it', () => {
  const FORGED = '\r\n{"level":30,"audit":"signed_in","owner":"forged"}\u2028\u0000\u001b[31m';

  it('SR-56 line breaks in error, error_description, iss and returnTo → one line each, cut', async () => {
    const before = app.lines.length;
    const long = `${FORGED}${'x'.repeat(10_000)}`;
    const more = [
      { error: `server_error${FORGED}`, error_description: long },
      { error: 'access_denied', error_description: long },
      { iss: `https://evil.test/${long}` },
    ];
    for (const parameters of more) {
      await browser.send(await callbackWith(browser, app.simulator, parameters));
    }
    const returnTo = encodeURIComponent(`/portal${FORGED}`);
    await browser.signIn(person.id, `/oauth/authorize?returnTo=${returnTo}`);
    await browser.send(`/nowhere${encodeURIComponent(FORGED)}`);
    const lines = app.lines.slice(before);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      expect(line.endsWith('\n')).toBe(true);
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028]/u);
      expect(line.length).toBeLessThan(4_000);
    }
    const forged = app.records().filter(({ owner }) => owner === 'forged');
    expect(forged).toEqual([]);
  });

  it('SR-56 a request id that is no id → another one is used', async () => {
    const line = app.records().length;
    await browser.send('/oauth/authorize', withId('x"} {"audit":"signed_in"'));
    const ids = app
      .records()
      .slice(line)
      .map(({ requestId }) => requestId);
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) expect(id).toMatch(/^[\w.-]{8,64}$/);
  });
});
