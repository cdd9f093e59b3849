import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEntry } from '../../src/grants/audit-trail.js';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { secret } from '../../src/oauth/secret.js';
import { AUDIT_KEYS } from '../support/keys.js';
import { createRedisAuditTrail } from '../../src/redis/audit-trail.js';
import { lockKey } from '../support/keys.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import { type Browser, callbackWith } from '../support/browser.js';
import { until } from '../support/until.js';
import { type App, type World, openWorld } from '../support/world.js';
import { grantAtRest } from '../../torture/visitor.js';

/** What is written down about sign-ins, sessions and grants: in the log, for the installation, for the user. */

type Line = Record<string, unknown>;

const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let world: World;
let app: App;
/** At the quietest level but one: audit lines are not turned off by it. */
let quiet: App;
let browser: Browser;
let key: GrantKey;
let tag: string;

beforeAll(async () => {
  world = await openWorld();
  [app, quiet] = await Promise.all([
    // Revocations are left to the other one, which says in its log what becomes of them.
    world.start({}, { laterMs: 60 * 60_000 }),
    world.start({ LOG_LEVEL: 'error' }, { revocationRetryMs: 50 }),
  ]);
  const { id } = world.simulator.people.find(({ type }) => type === 'Practitioner')!;
  key = { registration: 'us-sandbox', owner: { id, type: 'Practitioner' } };
  tag = createOwnerTags([secret(app.env['SESSION_SECRET']!)]).inLogs(key);
});

afterAll(() => world.close());

beforeEach(() => {
  world.simulator.faults.reset();
});

const withId = (id: string) => ({ headers: { 'x-request-id': id } });

async function post(path: string, id: string): Promise<unknown> {
  const headers = { 'x-request-id': id, 'x-csrf-token': await browser.csrfToken() };
  return browser.send(path, { method: 'POST', headers });
}

async function entries(): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  for await (const one of createRedisAuditTrail(world.stored).newestFirst()) found.push(one);
  return found.reverse();
}

/** The entry of one event that a request with this id led to. */
async function entryOf(event: string, requestId: string): Promise<AuditEntry> {
  let found: AuditEntry | undefined;
  await until(async () => {
    found = (await entries()).find((one) => one.event === event && one.requestId === requestId);
    return found !== undefined;
  });
  return found!;
}

const who = () => ({ registration: 'us-sandbox', ownerType: 'Practitioner', owner: tag });
const WHERE = { address: '127.0.0.1', device: expect.any(String) as unknown };

describe('SR-56 the audit trail of the installation', () => {
  beforeEach(async () => {
    browser = app.browser();
    await world.stored.del(...Object.values(AUDIT_KEYS));
  });

  it('SR-56 a journey → each step with who, what, when, where from, outcome and request id', async () => {
    const from = Date.now();
    await browser.send('/oauth/authorize', withId('journey-start'));
    const callback = await callbackWith(browser, world.simulator);
    await browser.send(callback, withId('journey-sign-in'));
    world.simulator.expireAccessTokens();
    await browser.send('/api/fullscript/clinic', withId('journey-refresh'));
    await post('/oauth/disconnect', 'journey-disconnect');
    await post('/sign-out/everywhere', 'journey-sign-out');
    const denied = await callbackWith(browser, world.simulator, { error: 'access_denied' });
    await browser.send(denied, withId('journey-denied'));

    const started = await entryOf('sign_in_started', 'journey-start');
    expect(started).toMatchObject({ registration: 'us-sandbox', ...WHERE });
    expect(await entryOf('signed_in', 'journey-sign-in')).toMatchObject({ ...who(), ...WHERE });
    expect(await entryOf('grant_saved', 'journey-sign-in')).toMatchObject({ ...who(), ...WHERE });
    const refreshed = await entryOf('refreshed', 'journey-refresh');
    expect(refreshed).toMatchObject({ ...who(), ...WHERE, tookMs: expect.any(Number) as unknown });
    const gone = await entryOf('disconnected', 'journey-disconnect');
    expect(gone).toMatchObject({ ...who(), ...WHERE, outcome: 'revoked' });
    const out = await entryOf('signed_out_everywhere', 'journey-sign-out');
    expect(out).toMatchObject({ ...who(), ...WHERE, sessions: 1 });
    const failed = await entryOf('sign_in_failed', 'journey-denied');
    expect(failed).toMatchObject({ reason: 'access_denied', ...WHERE });
    expect(failed).not.toHaveProperty('owner');
    for (const { at } of await entries()) expect(at).toBeGreaterThanOrEqual(from);
    const { entries: own } = await createRedisUserActivity(world.stored).list(grantId(key), {
      limit: 20,
    });
    expect(own.map(({ event, requestId }) => `${event} ${requestId}`)).toEqual(
      expect.arrayContaining([
        'signed_in journey-sign-in',
        'refreshed journey-refresh',
        'disconnected journey-disconnect',
        'signed_out_everywhere journey-sign-out',
      ]),
    );
  });

  it('SR-56 strangers who fail in a flood → few entries, none of which pushes out what matters', async () => {
    await browser.signIn(key.owner.id);
    const stranger = app.browser();
    for (let time = 0; time < 60; time += 1) await stranger.send('/oauth/callback?code=x&state=y');
    await until(async () => (await entries()).some(({ event }) => event === 'sign_in_failed'));
    const failures = (await entries()).filter(({ event }) => event === 'sign_in_failed');
    expect(failures.length).toBeLessThanOrEqual(2);
    expect(await world.stored.xlen(AUDIT_KEYS.frequent)).toBeGreaterThan(0);
    const mattering = await world.stored.xrange(AUDIT_KEYS.events, '-', '+');
    expect(JSON.stringify(mattering)).not.toContain('sign_in_failed');
    expect(JSON.stringify(mattering)).toContain('signed_in');
  });

  it('SR-39 ids, and their plain hashes, codes and states → in no line, entry or page', async () => {
    await browser.signIn(key.owner.id);
    const page = (await browser.send('/portal/account')).text;
    await until(async () => (await entries()).some(({ event }) => event === 'signed_in'));
    const streams = await Promise.all(
      Object.values(AUDIT_KEYS).map((one) => world.stored.xrange(one, '-', '+')),
    );
    const kept = JSON.stringify(streams) + app.lines.join('');
    const hash = createHash('sha256').update(grantId(key));
    const digest = hash.digest();
    expect(kept).toContain(tag);
    expect(page).toContain('data-who="');
    expect(page).not.toContain(tag);
    for (const sought of [digest.toString('base64url'), digest.toString('hex')]) {
      expect(kept + page).not.toContain(sought.slice(0, 12));
    }
    expect(kept).not.toContain(key.owner.id);
  });

  it('SR-56 requests of somebody who is signed in → the tag in their lines; of others → none', async () => {
    await browser.send('/', withId('line-stranger'));
    await browser.signIn(key.owner.id);
    await browser.send('/api/session', withId('line-user'));
    await post('/sign-out', 'line-sign-out');
    const lineOf = async (requestId: string) => {
      const isIt = (one: Record<string, unknown>) =>
        one['msg'] === 'request' && one['requestId'] === requestId;
      await until(() => app.records().some(isIt));
      return app.records().find(isIt)!;
    };
    expect(await lineOf('line-stranger')).not.toHaveProperty('owner');
    expect(await lineOf('line-user')).toMatchObject({ owner: tag, status: 200 });
    expect(await lineOf('line-sign-out')).toMatchObject({ owner: tag });
  });

  it('SR-54 the trail cannot be written → nothing else breaks, what is missing is counted and said', async () => {
    await world.stored.set(AUDIT_KEYS.events, 'no stream');
    const before = app.lines.length;
    await browser.signIn(key.owner.id);
    expect((await browser.send('/portal/account')).status).toBe(200);
    const said = () => app.lines.slice(before).filter((one) => one.includes('audit trail'));
    await until(() => said().length === 1);
    expect(JSON.parse(said()[0]!)).toMatchObject({ level: 40, entries: 1 });
    await post('/sign-out', 'not-written');
    await browser.signIn(key.owner.id);
    expect(said()).toHaveLength(1);
    await world.stored.del(AUDIT_KEYS.events);
  });
});

/** The lines of one request, found by its id. */
async function linesOf(requestId: string, wanted: string): Promise<Line[]> {
  const mine = () => quiet.records().filter((line) => line['requestId'] === requestId);
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

describe('SR-56 each event has a line: when in UTC, who, which request, with what outcome', () => {
  beforeEach(() => {
    browser = quiet.browser();
  });

  it('SR-56 a sign-in that starts, and one that succeeds', async () => {
    const started = await audited('sign_in_started', (id) =>
      browser.send('/oauth/authorize', withId(id)),
    );
    expect(started).toMatchObject({ registration: 'us-sandbox' });
    const path = await callbackWith(browser, world.simulator);
    const saved = await audited('signed_in', (id) => browser.send(path, withId(id)));
    expect(saved).toMatchObject({ registration: 'us-sandbox', ownerType: 'Practitioner' });
    expect(saved['owner']).toBe(tag);
    const lines = quiet.records().filter(({ requestId }) => requestId === saved['requestId']);
    expect(lines.map(({ audit }) => audit)).toEqual(['grant_saved', 'signed_in']);
  });

  it.each<[string, () => Promise<string>]>([
    ['state_missing', () => Promise.resolve('/oauth/callback?code=x')],
    ['state_unknown', () => Promise.resolve('/oauth/callback?code=x&state=y')],
    ['parameter_duplicated', () => Promise.resolve('/oauth/callback?state=x&state=y')],
    ['issuer_mismatch', () => callbackWith(browser, world.simulator, { iss: 'https://evil.test' })],
    ['access_denied', () => callbackWith(browser, world.simulator, { error: 'access_denied' })],
    [
      'authorization_failed',
      () => callbackWith(browser, world.simulator, { error: 'server_error' }),
    ],
    ['code_missing', () => callbackWith(browser, world.simulator, { code: '' })],
    ['invalid_grant', () => callbackWith(browser, world.simulator, { code: 'made-up' })],
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
    await browser.signIn(key.owner.id);
    world.simulator.expireAccessTokens();
    const call = (id: string) => browser.send('/api/fullscript/clinic', withId(id));
    const refreshed = await audited('refreshed', call);
    expect(refreshed).toMatchObject({ owner: tag, tookMs: expect.any(Number) as unknown });
    // A failure counts for the version it met, which what earlier sign-ins left still raises.
    await grantAtRest(world.redis, { key });
    world.simulator.expireAccessTokens();
    world.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500, times: 1 });
    const failed = await audited('refresh_failed', call);
    expect(failed).toMatchObject({ owner: tag, err: { code: 'server_error' } });
    // The failure is written down behind the answer; a refresh that waits for that would share it.
    await until(async () => (await world.stored.exists(lockKey(grantId(key)))) === 0);
    world.simulator.revokeAuthorization(key.owner.id);
    const refused = await audited('reconnect_needed', (id) => post('/oauth/refresh', id));
    expect(refused).toMatchObject({ owner: tag, reason: 'refresh_token_refused' });
  });

  it('SR-56 a disconnect, and a revocation that fails and is confirmed later', async () => {
    await browser.signIn(key.owner.id);
    const gone = await audited('disconnected', (id) => post('/oauth/disconnect', id));
    expect(gone).toMatchObject({ owner: tag, outcome: 'revoked' });
    await browser.signIn(key.owner.id);
    world.simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503, times: 1 });
    const failed = await audited('revoke_failed', (id) => post('/oauth/disconnect', id));
    expect(failed).toMatchObject({ registration: 'us-sandbox', err: { code: 'server_error' } });
    await until(() => quiet.records().some(({ audit }) => audit === 'revocation_confirmed'));
  });

  it('SR-56 sessions that a user ends from another one', async () => {
    const phone = quiet.browser();
    await browser.signIn(key.owner.id);
    await phone.signIn(key.owner.id);
    const all = await audited('sessions_ended', (id) => post('/sign-out/others', id));
    expect(all).toMatchObject({ owner: tag, sessions: expect.any(Number) as unknown });
    await phone.signIn(key.owner.id);
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
    await browser.signIn(key.owner.id);
    const out = await audited('signed_out', (id) => post('/sign-out', id));
    expect(out).toMatchObject({ owner: tag });
    await browser.signIn(key.owner.id);
    const all = await audited('signed_out_everywhere', (id) => post('/sign-out/everywhere', id));
    expect(all).toMatchObject({ owner: tag, sessions: expect.any(Number) as unknown });
  });
});

function failing(fault: object): () => Promise<string> {
  return async () => {
    const path = await callbackWith(browser, world.simulator);
    world.simulator.faults.add({ endpoint: 'token', times: 1, ...fault } as never);
    return path;
  };
}

describe('SR-56 what comes from outside writes no line of its own', () => {
  beforeEach(() => {
    browser = quiet.browser();
  });

  const FORGED = '\r\n{"level":30,"audit":"signed_in","owner":"forged"}\u2028\u0000\u001b[31m';

  it('SR-56 line breaks in error, error_description, iss and returnTo → one line each, cut', async () => {
    const before = quiet.lines.length;
    const long = `${FORGED}${'x'.repeat(10_000)}`;
    const more = [
      { error: `server_error${FORGED}`, error_description: long },
      { error: 'access_denied', error_description: long },
      { iss: `https://evil.test/${long}` },
    ];
    for (const parameters of more) {
      await browser.send(await callbackWith(browser, world.simulator, parameters));
    }
    const returnTo = encodeURIComponent(`/portal${FORGED}`);
    await browser.signIn(key.owner.id, `/oauth/authorize?returnTo=${returnTo}`);
    await browser.send(`/nowhere${encodeURIComponent(FORGED)}`);
    const lines = quiet.lines.slice(before);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      expect(line.endsWith('\n')).toBe(true);
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028]/u);
      expect(line.length).toBeLessThan(4_000);
    }
    const forged = quiet.records().filter(({ owner }) => owner === 'forged');
    expect(forged).toEqual([]);
  });

  it('SR-56 a request id that is no id → another one is used', async () => {
    const line = quiet.records().length;
    await browser.send('/oauth/authorize', withId('x"} {"audit":"signed_in"'));
    const ids = quiet
      .records()
      .slice(line)
      .map(({ requestId }) => requestId);
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) expect(id).toMatch(/^[\w.-]{8,64}$/);
  });
});
