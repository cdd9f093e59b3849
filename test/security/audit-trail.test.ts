import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEntry } from '../../src/grants/audit-trail.js';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { secret } from '../../src/oauth/secret.js';
import { AUDIT_KEYS } from '../../src/redis/audit-reader.js';
import { createRedisAuditTrail } from '../../src/redis/audit-trail.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import type { Browser } from '../support/browser.js';
import { callbackWith } from '../support/open-app.js';
import { type Site, openSite } from '../support/site.js';
import { until } from '../support/until.js';

/** Where what is audited is kept: for the installation, and for the user. */

let site: Site;
let browser: Browser;
let key: GrantKey;
let tag: string;

beforeAll(async () => {
  site = await openSite();
  const { id } = site.simulator.people.find(({ type }) => type === 'Practitioner')!;
  key = { registration: 'us-sandbox', owner: { id, type: 'Practitioner' } };
  tag = createOwnerTags([secret(site.env['SESSION_SECRET']!)]).inLogs(key);
});

afterAll(() => site.close());

beforeEach(async () => {
  browser = site.browser();
  site.simulator.faults.reset();
  await site.client.del(...Object.values(AUDIT_KEYS));
});

async function entries(): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  for await (const one of createRedisAuditTrail(site.client).newestFirst()) found.push(one);
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

const withId = (id: string) => ({ headers: { 'x-request-id': id } });

async function post(path: string, id: string): Promise<unknown> {
  const headers = { 'x-request-id': id, 'x-csrf-token': await browser.csrfToken() };
  return browser.send(path, { method: 'POST', headers });
}

const who = () => ({ registration: 'us-sandbox', ownerType: 'Practitioner', owner: tag });
const WHERE = { address: '127.0.0.1', device: expect.any(String) as unknown };

describe('SR-56 the audit trail of the installation', () => {
  it('SR-56 a journey → each step with who, what, when, where from, outcome and request id', async () => {
    const from = Date.now();
    await browser.send('/oauth/authorize', withId('journey-start'));
    const callback = await callbackWith(browser, site.simulator);
    await browser.send(callback, withId('journey-sign-in'));
    site.simulator.expireAccessTokens();
    await browser.send('/api/fullscript/clinic', withId('journey-refresh'));
    await post('/oauth/disconnect', 'journey-disconnect');
    await post('/sign-out/everywhere', 'journey-sign-out');
    const denied = await callbackWith(browser, site.simulator, { error: 'access_denied' });
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
    const { entries: own } = await createRedisUserActivity(site.client).list(grantId(key), {
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
    const stranger = site.browser();
    for (let time = 0; time < 60; time += 1) await stranger.send('/oauth/callback?code=x&state=y');
    await until(async () => (await entries()).some(({ event }) => event === 'sign_in_failed'));
    const failures = (await entries()).filter(({ event }) => event === 'sign_in_failed');
    expect(failures.length).toBeLessThanOrEqual(2);
    expect(await site.client.xlen(AUDIT_KEYS.frequent)).toBeGreaterThan(0);
    const mattering = await site.client.xrange(AUDIT_KEYS.events, '-', '+');
    expect(JSON.stringify(mattering)).not.toContain('sign_in_failed');
    expect(JSON.stringify(mattering)).toContain('signed_in');
  });

  it('SR-39 ids, and their plain hashes, codes and states → in no line, entry or page', async () => {
    await browser.signIn(key.owner.id);
    const page = (await browser.send('/portal/account')).text;
    await until(async () => (await entries()).some(({ event }) => event === 'signed_in'));
    const streams = await Promise.all(
      Object.values(AUDIT_KEYS).map((one) => site.client.xrange(one, '-', '+')),
    );
    const kept = JSON.stringify(streams) + site.lines.join('');
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
      const lines = () => site.lines.map((one) => JSON.parse(one) as Record<string, unknown>);
      const isIt = (one: Record<string, unknown>) =>
        one['msg'] === 'request' && one['requestId'] === requestId;
      await until(() => lines().some(isIt));
      return lines().find(isIt)!;
    };
    expect(await lineOf('line-stranger')).not.toHaveProperty('owner');
    expect(await lineOf('line-user')).toMatchObject({ owner: tag, status: 200 });
    expect(await lineOf('line-sign-out')).toMatchObject({ owner: tag });
  });

  it('SR-54 the trail cannot be written → nothing else breaks, what is missing is counted and said', async () => {
    await site.client.set(AUDIT_KEYS.events, 'no stream');
    const before = site.lines.length;
    await browser.signIn(key.owner.id);
    expect((await browser.send('/portal/account')).status).toBe(200);
    const said = () => site.lines.slice(before).filter((one) => one.includes('audit trail'));
    await until(() => said().length === 1);
    expect(JSON.parse(said()[0]!)).toMatchObject({ level: 40, entries: 1 });
    await post('/sign-out', 'not-written');
    await browser.signIn(key.owner.id);
    expect(said()).toHaveLength(1);
  });
});
