import { describe, expect, it } from '@jest/globals';
import type { ActivityEntry } from '../../src/grants/user-activity.js';
import { activityView } from '../../src/routes/activity-view.js';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

function shown(event: string, more: Partial<ActivityEntry> = {}) {
  const [row] = activityView([{ event, at: AT, ...more }]);
  return row!;
}

function said(event: string, more: Partial<ActivityEntry> = {}) {
  const { tone, text, detail } = shown(event, more);
  return `${tone}: ${text}${detail === undefined ? '' : ` | ${detail}`}`;
}

const here = { device: 'Chrome on Windows', address: '203.0.113.9' };

describe('activityView', () => {
  it.each<[string, Partial<ActivityEntry>, string]>([
    ['signed_in', here, 'good: Signed in | Chrome on Windows, 203.0.113.9'],
    ['signed_in', { device: 'Firefox' }, 'good: Signed in | Firefox'],
    ['signed_in', {}, 'good: Signed in'],
    ['sign_in_failed', { reason: 'no_answer' }, 'bad: Sign-in failed: Fullscript did not answer'],
    [
      'sign_in_failed',
      { reason: 'user_disabled', ...here },
      'bad: Sign-in failed: an administrator has shut off this account | Chrome on Windows, 203.0.113.9',
    ],
    ['signed_out', here, 'plain: Signed out | Chrome on Windows, 203.0.113.9'],
    ['signed_out_everywhere', { sessions: 3 }, 'plain: Signed out on all devices'],
    ['sessions_ended', { sessions: 1 }, 'plain: Another session was ended'],
    [
      'sessions_ended',
      { sessions: 3, device: 'Firefox' },
      'plain: 3 other sessions were ended | From Firefox',
    ],
    [
      'sessions_ended',
      { sessions: 2, reason: 'administrator' },
      'plain: An administrator ended 2 sessions',
    ],
    [
      'sessions_ended',
      { sessions: 1, reason: 'administrator' },
      'plain: An administrator ended a session',
    ],
    [
      'sessions_ended',
      { sessions: 1, reason: 'session_limit' },
      'plain: The session that was not used for longest ended | You had more than are kept. A program that signs in may leave them behind.',
    ],
    [
      'sessions_ended',
      { sessions: 854, reason: 'session_limit' },
      'plain: 854 sessions that were not used for longest ended | You had more than are kept. A program that signs in may leave them behind.',
    ],
    [
      'user_disabled',
      { sessions: 2 },
      'bad: An administrator shut off sign-in | 2 sessions ended.',
    ],
    ['user_disabled', { sessions: 0 }, 'bad: An administrator shut off sign-in'],
    ['user_enabled', {}, 'good: An administrator allowed sign-in again'],
    ['refreshed', {}, 'good: Connection renewed'],
    [
      'refresh_failed',
      { reason: 'unreachable' },
      'bad: Renewal failed: Fullscript did not answer | The connection was kept, and is tried again.',
    ],
    ['refresh_failed', {}, 'bad: Renewal failed | The connection was kept, and is tried again.'],
    [
      'reconnect_needed',
      { reason: 'no_refresh_token' },
      'bad: You had to connect again | It has run out, and Fullscript gave nothing to renew it with.',
    ],
    ['reconnect_needed', {}, 'bad: You had to connect again'],
    [
      'scope_missing',
      { missing: 'patients:read catalog:read' },
      'bad: Fullscript granted fewer permissions | Missing: patients:read, catalog:read',
    ],
    ['scope_missing', { missing: '<b> \u202e' }, 'bad: Fullscript granted fewer permissions'],
    ['save_failed', {}, 'bad: A renewed connection could not be stored | It is tried again.'],
    ['late_pair_discarded', {}, 'plain: A renewal came too late and was thrown away'],
    ['disconnected', { outcome: 'revoked' }, 'plain: Disconnected; Fullscript confirmed it'],
    [
      'disconnected',
      { outcome: 'retrying' },
      'plain: Disconnected | Fullscript had not confirmed it yet, and was asked again.',
    ],
    [
      'disconnected',
      { outcome: 'unreadable' },
      'bad: Disconnected here only | The stored connection could not be opened. End it in your Fullscript account, too.',
    ],
    ['disconnected', {}, 'plain: Disconnected'],
    [
      'disconnected',
      { outcome: 'revoked', reason: 'administrator', sessions: 1 },
      'plain: Disconnected; Fullscript confirmed it (by an administrator)',
    ],
    ['revocation_confirmed', {}, 'good: Fullscript confirmed the disconnect'],
    [
      'revocation_given_up',
      {},
      'bad: Fullscript did not confirm the disconnect | End the connection in your Fullscript account.',
    ],
  ])('%s %j → %s', (event, more, sentence) => {
    expect(said(event, more)).toBe(sentence);
  });

  it.each([
    ...['no_answer', 'unreachable', 'server_error', 'rate_limited', 'invalid_response'],
    ...['unsupported_token_type', 'resource_owner_changed', 'invalid_client', 'invalid_request'],
    ...['unauthorized_client', 'unsupported_grant_type', 'invalid_scope', 'invalid_grant'],
    ...['token_rejected', 'refresh_busy', 'store_unavailable'],
  ])('a refresh that failed with %s → a reason for people, not the code', (reason) => {
    const { text } = shown('refresh_failed', { reason });
    expect(text).toMatch(/^Renewal failed: [^_]{10,}$/);
  });

  it.each(['constructor', '__proto__', 'toString', 'made_up', ''])(
    'event, reason and outcome %j → neutral words, nothing of it',
    (name) => {
      expect(said(name)).toBe('plain: Something happened to your connection');
      expect(said('sign_in_failed', { reason: name })).toBe('bad: Sign-in failed');
      expect(said('reconnect_needed', { reason: name })).toBe('bad: You had to connect again');
      expect(said('disconnected', { outcome: name })).toBe('plain: Disconnected');
    },
  );

  it('a row → when, for machines and for people', () => {
    const { when } = shown('signed_in');
    expect(when.iso).toBe('2026-01-02T03:04:05.000Z');
    expect(when.text).toMatch(/^Jan 2, 2026.* UTC$/);
  });

  it('renewals in a row → one line with the newest time; others keep theirs', () => {
    const at = (minutes: number) => AT + minutes * 60_000;
    const rows = activityView([
      { event: 'refreshed', at: at(30) },
      { event: 'refreshed', at: at(20) },
      { event: 'refreshed', at: at(10) },
      { event: 'refresh_failed', at: at(9) },
      { event: 'refresh_failed', at: at(8) },
      { event: 'refreshed', at: at(7) },
    ]);
    expect(rows.map(({ text }) => text)).toEqual([
      'Connection renewed 3 times',
      'Renewal failed',
      'Renewal failed',
      'Connection renewed',
    ]);
    expect(rows[0]?.when.iso).toBe(new Date(at(30)).toISOString());
    expect(rows[0]?.detail).toMatch(/^Since Jan 2, 2026.* UTC\.$/);
    expect(activityView([])).toEqual([]);
  });
});
