import { describe, expect, it } from '@jest/globals';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createExposition } from '../../src/metrics/exposition.js';
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

  it('scrapes in quick succession → the event loop is looked at once a second', async () => {
    let at = 0;
    const { registry, scrape } = createMetrics({ version: '0.0.0', now: () => at });
    const p99 = registry.getSingleMetric('nodejs_eventloop_lag_p99_seconds') as Gauge;
    const seen = async () => /^nodejs_eventloop_lag_p99_seconds (.*)$/m.exec(await scrape())?.[1];
    p99.set(77);
    expect(await seen()).not.toBe('77');
    p99.set(77);
    at = 999;
    expect(await seen()).toBe('77');
    at = 1_000;
    expect(await seen()).not.toBe('77');
  });

  it('two of them → each with its own numbers, and the process ones', async () => {
    const [a, b] = [createMetrics({ version: '0.0.0' }), createMetrics({ version: '0.0.0' })];
    a.signIn('success', 20);
    expect(await b.registry.metrics()).toContain('outcome="success"} 0');
    expect(await b.registry.metrics()).toContain('process_resident_memory_bytes');
  });
});

describe('createExposition', () => {
  /** A registry with something of each kind, and what counts in it. */
  function filled() {
    const registry = new Registry();
    const registers = [registry];
    const counter = new Counter({ name: 'c', help: 'a \\ b\nc', labelNames: ['l'], registers });
    const gauge = new Gauge({ name: 'g', help: 'g', labelNames: ['l', 'm'], registers });
    const plain = new Gauge({ name: 'p', help: 'p', registers });
    const histogram = new Histogram({
      ...{ name: 'h', help: 'h', labelNames: ['l'], registers },
      buckets: [0.5, 1],
    });
    const count = (label: string) => {
      counter.inc({ l: label }, 1.5);
      gauge.set({ l: label, m: 'x"\\\n' }, Infinity);
      histogram.observe({ l: label }, 0.7);
      plain.inc();
    };
    return { registry, count, gauge, histogram, scrape: createExposition(registry) };
  }

  it('whatever is counted from one scrape to the next → what prom-client itself would write', async () => {
    const { registry, count, gauge, histogram, scrape } = filled();
    const changes = [
      () => undefined,
      () => count('a'),
      () => ['b', 'a', '"\n\\', '7'].forEach(count),
      () => gauge.reset(),
      () => count('c'),
      () => histogram.reset(),
      () => ['c', '3'].forEach(count),
      () => gauge.set({ l: 'low' }, -Infinity),
      () => histogram.remove('c'),
    ];
    for (const change of changes) {
      change();
      expect(await scrape()).toBe(await registry.metrics());
    }
    expect(await scrape()).toContain('\nh_bucket{le="+Inf",l="3"} 1\n');
  });

  it('a second scrape → no label is written again', async () => {
    const { count, scrape } = filled();
    let written = 0;
    const label = {
      toString: () => {
        written += 1;
        return 'seen';
      },
    };
    count(label as unknown as string);
    written = 0;
    expect(await scrape()).toContain('\nc{l="seen"} 1.5\n');
    // Of the counter, the gauge, and three buckets, sum and count of the histogram.
    expect(written).toBe(7);
    count('b');
    expect(await scrape()).toContain('\nc{l="seen"} 1.5\n');
    expect(written).toBe(7);
  });

  it('scrapes that come at the same time → one look at what they ask for, and another for a later one', async () => {
    const { registry, scrape } = filled();
    let looks = 0;
    const collect = () => {
      looks += 1;
    };
    new Gauge({ name: 'l', help: 'l', registers: [registry], collect });
    const all = await Promise.all([scrape(), scrape(), scrape()]);
    expect([looks, new Set(all).size]).toEqual([1, 1]);
    await scrape();
    expect(looks).toBe(2);
  });

  it('a scrape that fails → the next one is made anew', async () => {
    const { registry, scrape } = filled();
    let fails = true;
    const collect = () => {
      if (fails) throw new Error('broke');
    };
    new Gauge({ name: 'f', help: 'f', registers: [registry], collect });
    await expect(scrape()).rejects.toThrow('broke');
    fails = false;
    expect(await scrape()).toContain('\nf 0\n');
  });
});
