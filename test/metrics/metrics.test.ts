import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '../../src/metrics/metrics.js';
import { ADA } from '../fixtures/visitors.js';

describe('createMetrics', () => {
  it('a request → counted by method and status, in seconds', async () => {
    const { registry, request } = createMetrics({ version: '0.0.0' });
    request({ method: 'GET', status: 404, ms: 30 });
    const text = await registry.metrics();
    expect(text).toContain('http_request_duration_seconds_count{method="GET",status="404"} 1\n');
    expect(text).toContain('http_request_duration_seconds_sum{method="GET",status="404"} 0.03\n');
  });

  it('sign-ins → counted by outcome', async () => {
    const { registry, signIn } = createMetrics({ version: '0.0.0' });
    for (const outcome of ['success', 'access_denied', 'success']) signIn(outcome, 20);
    const text = await registry.metrics();
    expect(text).toContain('fullscript_sign_ins_total{outcome="success"} 2\n');
    expect(text).toContain('fullscript_sign_ins_total{outcome="access_denied"} 1\n');
  });

  it('refused requests → counted by the limit', async () => {
    const metrics = createMetrics({ version: '0.0.0' });
    metrics.rateLimited('start');
    metrics.rateLimited('start');
    expect(await metrics.registry.metrics()).toContain(
      'fullscript_rate_limited_total{limit="start"} 2',
    );
  });

  it('each event of a grant → counted by its name, without the user', async () => {
    const { registry, grants } = createMetrics({ version: '0.0.0' });
    const error = new Error('x');
    grants.connected(ADA);
    grants.refreshed(ADA, 250);
    grants.refreshFailed(ADA, error);
    grants.earlyRefreshFailed(ADA, error);
    grants.reconnectNeeded(ADA, 'refresh_token_refused');
    grants.saveFailed(ADA, error);
    grants.latePairDiscarded(ADA);
    grants.revokeFailed(ADA.registration, error);
    grants.revocationConfirmed(ADA);
    grants.revocationGivenUp(ADA, error);
    grants.disconnected(ADA, 'revoked');
    const text = await registry.metrics();
    const counted = [...text.matchAll(/^fullscript_grant_events_total\{event="(\w+)"\} (\d+)$/gm)];
    expect(counted.map(([, event, times]) => `${String(event)} ${String(times)}`)).toEqual([
      'refreshed 1',
      'connected 1',
      'scope_missing 0',
      'refresh_failed 1',
      'early_refresh_failed 1',
      'reconnect_needed 1',
      'save_failed 1',
      'replayed 0',
      'late_pair_discarded 1',
      'revoke_failed 1',
      'revocation_confirmed 1',
      'revocation_given_up 1',
      'disconnected 1',
    ]);
    expect(text).toContain('fullscript_refresh_duration_seconds_sum 0.25\n');
    expect(text).not.toContain('ada-0b6a2d8e');
  });

  it('two of them → each with its own numbers, and the process ones', async () => {
    const [a, b] = [createMetrics({ version: '0.0.0' }), createMetrics({ version: '0.0.0' })];
    a.signIn('success', 20);
    expect(await b.registry.metrics()).toContain('outcome="success"} 0');
    expect(await b.registry.metrics()).toContain('process_resident_memory_bytes');
  });
});
