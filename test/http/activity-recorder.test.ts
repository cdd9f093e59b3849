import { describe, expect, it } from '@jest/globals';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import type { ActivityEntry } from '../../src/grants/user-activity.js';
import { createActivityRecorder } from '../../src/http/activity-recorder.js';
import type { AuditDetails, AuditEvent } from '../../src/http/audit.js';
import { TokenEndpointError } from '../../src/oauth/errors.js';

const ADA: GrantKey = { registration: 'us-sandbox', owner: { id: 'ada', type: 'Practitioner' } };
const BOB: GrantKey = { registration: 'us-sandbox', owner: { id: 'bob', type: 'Staff' } };
const MINUTE = 60_000;

function recorder(record?: (owner: string, entry: ActivityEntry) => Promise<void>) {
  const clock = { now: 1_000_000 };
  const kept: { owner: string; entry: ActivityEntry }[] = [];
  const errors: unknown[] = [];
  const keep = (owner: string, entry: ActivityEntry) => {
    kept.push({ owner, entry });
    return Promise.resolve();
  };
  const { note, settled } = createActivityRecorder({
    activity: { record: record ?? keep },
    now: () => clock.now,
    onError: (error) => errors.push(error),
  });
  const tell = (event: AuditEvent, details: Partial<AuditDetails> = {}) =>
    note(event, { message: 'm', key: ADA, ...details });
  const events = () => kept.map(({ entry }) => entry.event);
  return { clock, kept, errors, note, tell, settled, events };
}

describe('createActivityRecorder', () => {
  it('an event → its owner and what there is to say, at once, without the message and the error', () => {
    const { tell, kept } = recorder();
    const visitor = { device: 'Chrome on Windows', address: '203.0.113.9' };
    tell('signed_in', { ...visitor, tookMs: 3, level: 'warn' });
    tell('refresh_failed', { err: new TokenEndpointError('no_answer') });
    tell('refresh_failed', { err: 'something thrown' });
    tell('scope_missing', { missing: ['patients:read', 'catalog:read'] });
    tell('disconnected', { outcome: 'revoked' });
    tell('sessions_ended', { sessions: 2 });
    const at = 1_000_000;
    expect(kept.map(({ owner }) => owner)).toEqual(Array(6).fill(grantId(ADA)));
    expect(kept.map(({ entry }) => entry)).toEqual([
      { event: 'signed_in', at, ...visitor },
      { event: 'refresh_failed', at, reason: 'no_answer' },
      { event: 'refresh_failed', at },
      { event: 'scope_missing', at, missing: 'patients:read catalog:read' },
      { event: 'disconnected', at, outcome: 'revoked' },
      { event: 'sessions_ended', at, sessions: 2 },
    ]);
  });

  it('about nobody, of no interest, or without effect → nothing', () => {
    const { tell, kept } = recorder();
    tell('sign_in_failed', { key: undefined });
    for (const event of ['sign_in_started', 'grant_saved', 'replayed', 'revoke_failed'] as const) {
      tell(event);
    }
    tell('sessions_ended', { sessions: 0 });
    expect(kept).toEqual([]);
  });

  it('texts of any length → cut', () => {
    const { tell, kept } = recorder();
    const long = 'x'.repeat(10_000);
    tell('sign_in_failed', { reason: long, device: long, address: long, missing: [long] });
    expect(JSON.stringify(kept).length).toBeLessThan(1_000);
  });

  it('a refresh that fails in a loop → one entry for each reason, and again after a while', () => {
    const { clock, tell, events, kept } = recorder();
    for (let time = 0; time < 500; time += 1) {
      tell('refresh_failed', { err: new TokenEndpointError('no_answer') });
      tell('refresh_failed', { err: new TokenEndpointError('server_error') });
      tell('refresh_failed', { key: BOB, err: new TokenEndpointError('no_answer') });
      clock.now += 100;
    }
    expect(kept.map(({ owner, entry }) => `${owner} ${entry.reason}`)).toEqual([
      `${grantId(ADA)} no_answer`,
      `${grantId(ADA)} server_error`,
      `${grantId(BOB)} no_answer`,
    ]);
    clock.now += 10 * MINUTE;
    tell('refresh_failed', { err: new TokenEndpointError('no_answer') });
    expect(events()).toHaveLength(4);
  });

  it('what the user does → each time, and what follows is news again', () => {
    const { tell, events } = recorder();
    for (let time = 0; time < 2; time += 1) {
      tell('signed_in');
      tell('disconnected', { outcome: 'revoked' });
      tell('disconnected', { outcome: 'revoked' });
      tell('signed_out');
    }
    const once = ['signed_in', 'disconnected', 'signed_out'];
    expect(events()).toEqual([...once, ...once]);
  });

  it('storage fails, or throws → told, and nobody else notices', async () => {
    const lost = new Error('lost');
    for (const record of [() => Promise.reject(lost), () => fail(lost)]) {
      const { tell, settled, errors } = recorder(record);
      tell('signed_in');
      await settled();
      expect(errors).toEqual([lost]);
    }
  });

  it('storage is silent → a bounded number of writes, the rest told; settled waits for them', async () => {
    const answers: (() => void)[] = [];
    const record = () => new Promise<void>((resolve) => void answers.push(resolve));
    const { tell, settled, errors } = recorder(record);
    for (let time = 0; time < 150; time += 1) tell('signed_in');
    expect(answers).toHaveLength(100);
    expect(errors).toHaveLength(50);
    let isSettled = false;
    const end = settled().then(() => (isSettled = true));
    for (const answer of answers.slice(1)) answer();
    await new Promise(setImmediate);
    expect(isSettled).toBe(false);
    answers[0]?.();
    await end;
    tell('signed_in');
    expect(answers).toHaveLength(101);
  });
});

function fail(error: Error): never {
  throw error;
}
