import { describe, expect, it } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import type { AuditEntry, AuditKind } from '../../src/grants/audit-trail.js';
import type { GrantKey } from '../../src/grants/grant.js';
import type { AuditDetails, AuditEvent } from '../../src/http/audit.js';
import { createAuditRecorder } from '../../src/http/audit-recorder.js';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { requestId } from '../../src/http/request-id.js';
import { TokenEndpointError } from '../../src/oauth/errors.js';
import { secret } from '../../src/oauth/secret.js';

const ADA: GrantKey = { registration: 'us-sandbox', owner: { id: 'ada', type: 'Practitioner' } };
const BOB: GrantKey = { registration: 'us-sandbox', owner: { id: 'bob', type: 'Staff' } };
const MINUTE = 60_000;
const { inLogs: ownerTag } = createOwnerTags([secret('the secret of an installation')]);

type Kept = AuditEntry & { kind: AuditKind };

function recorder(record?: (kind: AuditKind, entries: readonly AuditEntry[]) => Promise<void>) {
  const clock = { now: 1_000_000 };
  const kept: Kept[] = [];
  const lost: [number, unknown][] = [];
  const batches: number[] = [];
  const keep = (kind: AuditKind, entries: readonly AuditEntry[]) => {
    batches.push(entries.length);
    kept.push(...entries.map((one) => ({ kind, ...one })));
    return Promise.resolve();
  };
  const { note, settled } = createAuditRecorder({
    ...{ trail: { record: record ?? keep }, ownerTag, now: () => clock.now },
    onLost: (entries, error) => void lost.push([entries, error]),
  });
  const tell = (event: AuditEvent, details: Partial<AuditDetails> = {}) =>
    note(event, { message: 'm', key: ADA, ...details });
  return { clock, kept, lost, batches, note, tell, settled };
}

describe('createAuditRecorder', () => {
  it('an event → who by tag, what, when, where from, with what outcome; no id, message or error', async () => {
    const { tell, kept, settled } = recorder();
    const visitor = { device: 'Chrome on Windows', address: '203.0.113.9' };
    tell('signed_in', { ...visitor, level: 'warn' });
    tell('refreshed', { tookMs: 3 });
    tell('refresh_failed', { key: BOB, err: new TokenEndpointError('no_answer') });
    tell('disconnected', { outcome: 'revoked' });
    tell('revoke_failed', { key: undefined, registration: 'ca-sandbox' });
    await settled();
    const ada = { registration: 'us-sandbox', ownerType: 'Practitioner', owner: ownerTag(ADA) };
    const bob = { registration: 'us-sandbox', ownerType: 'Staff', owner: ownerTag(BOB) };
    const at = 1_000_000;
    expect(kept).toEqual([
      { kind: 'events', event: 'signed_in', at, ...ada, ...visitor },
      { kind: 'events', event: 'disconnected', at, ...ada, outcome: 'revoked' },
      { kind: 'events', event: 'revoke_failed', at, registration: 'ca-sandbox' },
      { kind: 'frequent', event: 'refreshed', at, ...ada, tookMs: 3 },
      { kind: 'frequent', event: 'refresh_failed', at, ...bob, reason: 'no_answer' },
    ]);
    expect(JSON.stringify(kept)).not.toMatch(/"ada"|"bob"|"m"/);
  });

  it('during a request → its id, browser and address, whoever tells it', async () => {
    const { tell, kept, settled } = recorder();
    const app = express();
    app.use(requestId());
    app.get('/', (_req, res) => {
      tell('disconnected', { outcome: 'revoked' });
      res.end();
    });
    await supertest(app).get('/').set('X-Request-Id', 'request-1').set('User-Agent', 'x');
    await settled();
    const where = {
      address: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
      device: 'Unknown browser',
    };
    expect(kept).toMatchObject([{ event: 'disconnected', requestId: 'request-1', ...where }]);
  });

  it('strangers fail to sign in by the thousand → frequent, one a minute and address, the rest counted', async () => {
    const { clock, tell, kept, settled } = recorder();
    const fail = (address: string) =>
      tell('sign_in_failed', { key: undefined, address, reason: 'state_unknown' });
    for (let time = 0; time < 5_000; time += 1) fail('203.0.113.9');
    fail('203.0.113.10');
    tell('sign_in_failed', { reason: 'user_disabled' });
    clock.now += MINUTE;
    fail('203.0.113.9');
    await settled();
    expect(kept.map(({ kind, address, leftOut }) => [kind, address, leftOut])).toEqual([
      ['events', undefined, undefined],
      ['frequent', '203.0.113.9', undefined],
      ['frequent', '203.0.113.10', undefined],
      ['frequent', '203.0.113.9', 4_999],
    ]);
  });

  it('a user in a loop → five a minute, other users and other events all the same', async () => {
    const { tell, kept, settled } = recorder();
    for (let time = 0; time < 50; time += 1) tell('signed_in');
    tell('signed_in', { key: BOB });
    tell('signed_out');
    await settled();
    expect(kept.map(({ event }) => event)).toEqual([
      ...Array<string>(6).fill('signed_in'),
      'signed_out',
    ]);
  });

  it('texts of any length → cut', async () => {
    const { tell, kept, settled } = recorder();
    const long = 'x'.repeat(10_000);
    tell('sign_in_failed', { reason: long, device: long, address: long, missing: [long] });
    await settled();
    expect(JSON.stringify(kept).length).toBeLessThan(1_200);
  });

  it('many at once → batches of a hundred at most', async () => {
    const { note, batches, settled } = recorder();
    for (let id = 0; id < 250; id += 1) {
      const owner = { id: String(id), type: 'Staff' } as const;
      note('signed_in', { message: 'm', key: { registration: 'us-sandbox', owner } });
    }
    await settled();
    expect(batches).toEqual([100, 100, 50]);
  });

  it('storage fails → told how many are missing, nobody else notices, and later ones are written', async () => {
    const failure = new Error('lost');
    let isAway = true;
    const written: string[] = [];
    const { tell, lost, settled } = recorder((_kind, entries) => {
      if (isAway) return Promise.reject(failure);
      written.push(...entries.map(({ event }) => event));
      return Promise.resolve();
    });
    tell('signed_in');
    tell('signed_out');
    await settled();
    expect(lost).toEqual([[2, failure]]);
    isAway = false;
    tell('disconnected');
    await settled();
    expect(written).toEqual(['disconnected']);
  });

  it('storage is silent → a bounded number waits, the rest is counted; settled waits for it', async () => {
    const answers: (() => void)[] = [];
    const record = () => new Promise<void>((resolve) => void answers.push(resolve));
    const { note, lost, settled } = recorder(record);
    for (let id = 0; id < 3_000; id += 1) {
      const owner = { id: String(id), type: 'Staff' } as const;
      note('signed_in', { message: 'm', key: { registration: 'us-sandbox', owner } });
    }
    expect(lost).toHaveLength(2_000);
    let isSettled = false;
    const end = settled().then(() => (isSettled = true));
    for (let round = 0; round < 10; round += 1) {
      await new Promise(setImmediate);
      expect(isSettled).toBe(false);
      answers[round]?.();
    }
    await end;
    expect(answers).toHaveLength(10);
  });
});
