import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  ApiPathError,
  CallNotSentError,
  type CallNotSentErrorCode,
  FullscriptApiError,
  type FullscriptApiErrorCode,
} from '../../src/fullscript/errors.js';
import { readFailure } from '../../src/fullscript/read-failure.js';

const NOW = Date.parse('2026-03-04T15:00:00Z');
const needs = { scope: 'patients:read', granted: ['catalog:read', 'patients:read'] };
const requestId = 'fs-7c1e';

const failed = (code: FullscriptApiErrorCode, details = {}) =>
  readFailure(new FullscriptApiError(code, { requestId, ...details }), needs, NOW);

describe('readFailure', () => {
  it.each<[FullscriptApiErrorCode, string]>([
    ['fullscript_forbidden', 'restricted'],
    ['fullscript_not_found', 'not_found'],
    ['fullscript_timeout', 'slow'],
    ['fullscript_unreachable', 'offline'],
    ['fullscript_unavailable', 'trouble'],
    ['fullscript_unexpected', 'garbage'],
    ['fullscript_refused', 'refused'],
  ])('%s → %s, with the request id', (code, kind) => {
    expect(failed(code)).toStrictEqual({ kind, requestId });
  });

  it.each<[string, readonly string[]]>([
    ['nothing', []],
    ['other scopes', ['clinic:read', 'patients:write']],
    ['one that begins alike', ['patients:read:all']],
  ])('403 while %s was granted → scope_missing', (_what, granted) => {
    const error = new FullscriptApiError('fullscript_forbidden', { status: 403, requestId });
    const failure = readFailure(error, { scope: 'patients:read', granted }, NOW);
    expect(failure).toStrictEqual({ kind: 'scope_missing', requestId });
  });

  it.each<[CallNotSentErrorCode, string]>([
    ['too_many_open_calls', 'crowded'],
    ['fullscript_congested', 'congested'],
  ])('not sent because of %s → %s, and when to try again', (code, kind) => {
    const failure = readFailure(new CallNotSentError(code), needs, NOW);
    expect(failure).toStrictEqual({ kind, retryAfterMs: 2_000 });
  });

  it('not sent because the client has gone → no failure to show', () => {
    expect(readFailure(new CallNotSentError('client_gone'), needs, NOW)).toBeUndefined();
  });

  it('an id that no path can carry → not_found', () => {
    expect(readFailure(new ApiPathError(), needs, NOW)).toStrictEqual({ kind: 'not_found' });
  });

  it.each<[string, unknown]>([
    ['a token that is refused', new FullscriptApiError('fullscript_unauthorized')],
    ['another error', new Error('needs reconnect')],
    ['an error that only looks like one', { code: 'fullscript_not_found' }],
    ['nothing', undefined],
  ])('%s → undefined', (_what, error) => {
    expect(readFailure(error, needs, NOW)).toBeUndefined();
  });

  it.each<[string | undefined, number]>([
    [undefined, 30_000],
    ['', 30_000],
    ['soon', 30_000],
    ['1.5', 30_000],
    ['-5', 30_000],
    ['2026-03-04', 30_000],
    ['Wed', 30_000],
    ['0', 1_000],
    ['1', 1_000],
    [' 90 ', 90_000],
    ['3600', 3_600_000],
    ['3601', 3_600_000],
    ['9'.repeat(400), 3_600_000],
    ['Wed, 04 Mar 2026 15:02:00 GMT', 120_000],
    ['Wednesday, 04-Mar-26 15:02:00 GMT', 120_000],
    ['Wed, 04 Mar 2026 14:00:00 GMT', 1_000],
    ['Wed, 04 Mar 2026 15:00:00 GMT', 1_000],
    ['Thu, 05 Mar 2026 15:00:00 GMT', 3_600_000],
    ['Wed, 99 Mar 2026 99:00:00 GMT', 30_000],
  ])('429 with Retry-After %j → %d ms', (retryAfter, retryAfterMs) => {
    expect(failed('fullscript_rate_limited', { retryAfter })).toStrictEqual({
      ...{ kind: 'rate_limited', retryAfterMs },
      requestId,
    });
  });

  it('429 with any Retry-After → between a second and an hour', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.nat().map(String)), fc.nat(), (retryAfter, now) => {
        const error = new FullscriptApiError('fullscript_rate_limited', { retryAfter });
        const wait = readFailure(error, needs, now)?.retryAfterMs;
        expect(wait).toBeGreaterThanOrEqual(1_000);
        expect(wait).toBeLessThanOrEqual(3_600_000);
      }),
    );
  });

  it('no time given → counts from now', () => {
    const soon = new Date(Date.now() + 600_000).toUTCString();
    const error = new FullscriptApiError('fullscript_rate_limited', { retryAfter: soon });
    const wait = readFailure(error, needs)?.retryAfterMs;
    expect(wait).toBeGreaterThan(500_000);
    expect(wait).toBeLessThanOrEqual(600_000);
  });

  it.each([undefined, '', 'two words', '<b>', 'x'.repeat(129), 'é'])(
    'request id %j that looks like none → left out',
    (odd) => {
      expect(failed('fullscript_unavailable', { requestId: odd })).toStrictEqual({
        kind: 'trouble',
      });
    },
  );
});
