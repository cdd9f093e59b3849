import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import type { FullscriptApiErrorCode } from '../../src/fullscript/errors.js';
import type { PairPlace } from '../../src/grants/refresh-measures.js';
import { type Metrics, createMetrics } from '../../src/metrics/metrics.js';
import { METHODS } from '../../src/metrics/request-metrics.js';
import { storeMetrics } from '../../src/metrics/store-metrics.js';
import type { StoreFailure } from '../../src/redis/store-failure.js';
import { documented, wholeMetrics } from '../support/monitoring.js';
import { readSeries } from '../support/scrape.js';

const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'other', '"}\n', 'success', 'GET'),
);
const anyStatus = fc.oneof(fc.integer(), fc.double(), fc.integer({ min: 100, max: 599 }));
const ms = fc.integer({ min: 0, max: 60_000 });

/** Whatever can come from outside, told to everything that takes a name. */
interface Come {
  readonly text: string;
  readonly status: number;
  readonly tookMs: number;
}

function tell(metrics: Metrics, { text, status, tookMs }: Come): void {
  metrics.request({ method: text, status, ms: tookMs });
  metrics.rateLimited(text);
  metrics.signIn(text, tookMs);
  metrics.refreshes.pairSafe(tookMs, text as PairPlace);
  metrics.api.called({ method: text, outcome: status, tookMs });
  metrics.api.called({ method: 'GET', outcome: text as FullscriptApiErrorCode, tookMs });
  metrics.api.retried(text as 'passing');
  metrics.storeCall({ operation: text, tookMs, failure: text as StoreFailure });
}

/** The values of a label, in what a scrape says. */
function valuesIn(text: string, name: string, label: string): Set<string> {
  const values = new Set<string>();
  for (const series of readSeries(text).keys()) {
    const plain = series.replace(/^(\w+?)(?:_bucket|_sum|_count)?\{.*$/s, '$1');
    const value = new RegExp(`[{,]${label}="((?:[^"\\\\]|\\\\.)*)"`, 's').exec(series)?.[1];
    if (plain === name && value !== undefined) values.add(value);
  }
  return values;
}

describe('labels', () => {
  it('whatever method, status, outcome, limit or reason comes → documented values, or other', async () => {
    const come = fc.record({ text: anyText, status: anyStatus, tookMs: ms });
    const closed = documented().flatMap(({ name, labels }) =>
      [...labels].flatMap(([label, values]) => (values ? [{ name, label, values }] : [])),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(come, { minLength: 1, maxLength: 10 }), async (all) => {
        const metrics = wholeMetrics();
        for (const one of all) tell(metrics, one);
        const text = await metrics.registry.metrics();
        for (const { name, label, values } of closed) {
          const taken = [...valuesIn(text, name, label)];
          const unknown = taken.filter((one) => one !== 'other' && !values.includes(one));
          expect({ name, label, unknown }).toEqual({ name, label, unknown: [] });
        }
      }),
      { numRuns: 25 },
    );
  });

  it('every status with every method, and much more → fewer than 6,000 series', async () => {
    const metrics = wholeMetrics();
    for (const text of [...METHODS, 'BREW', 'PROPFIND']) {
      for (let status = 0; status < 1_000; status += 1) tell(metrics, { text, status, tookMs: 1 });
    }
    for (let n = 0; n < 200; n += 1) tell(metrics, { text: `number ${n}`, status: n, tookMs: 1 });
    const { size } = readSeries(await metrics.registry.metrics());
    expect(size).toBeGreaterThan(3_000);
    expect(size).toBeLessThan(6_000);
  });

  it('any number of names of operations → 64 of them, and other', async () => {
    const registry = new Registry();
    const { storeCall } = storeMetrics(registry);
    for (let n = 0; n < 200; n += 1) {
      storeCall({ operation: `number ${n}`, tookMs: 1, failure: undefined });
    }
    const metric = 'fullscript_store_call_duration_seconds';
    const values = valuesIn(await registry.metrics(), metric, 'operation');
    expect(values.size).toBe(65);
    expect([...values]).toEqual(expect.arrayContaining(['number_0', 'number_63', 'other']));
  });

  it('an operation with signs and of any length → a short name', async () => {
    const registry = new Registry();
    const { storeCall } = storeMetrics(registry);
    storeCall({ operation: `a "quoted" {name}\n${'x'.repeat(90)}`, tookMs: 1, failure: undefined });
    const metric = 'fullscript_store_call_duration_seconds';
    const [value = ''] = valuesIn(await registry.metrics(), metric, 'operation');
    expect(value).toMatch(/^a_quoted_name_x+$/);
    expect(value).toHaveLength(40);
  });

  it('a grant of a registration or status nobody knows → other', async () => {
    const { lookUp, registry } = createMetrics({ version: '0.0.0' });
    const registration = 'mars-sandbox' as 'us-sandbox';
    const strange = { registration, status: 'asleep' as 'active', grants: 2 };
    lookUp({
      unsaved: () => 0,
      apiCalls: () => ({ under_way: 0, waiting_for_user: 0, waiting_for_connection: 0 }),
      requestsWaiting: () => 0,
      heldBytes: () => 0,
      ping: () => Promise.resolve(),
      revocations: () => Promise.resolve({ waiting: 0, active: 0, delayed: 0, failed: 0 }),
      grants: () =>
        Promise.resolve([strange, { ...strange, registration: 'x' as 'us-sandbox', grants: 3 }]),
    });
    const series = readSeries(await registry.metrics());
    expect(series.get('fullscript_grants{registration="other",status="other"}')).toBe(5);
  });
});

describe('counters that alerts look at', () => {
  it.each([
    'fullscript_grant_events_total{event="save_failed"}',
    'fullscript_grant_events_total{event="reconnect_needed"}',
    'fullscript_grant_events_total{event="revocation_given_up"}',
    'fullscript_token_requests_total{operation="refresh",outcome="server_error"}',
    'fullscript_token_requests_total{operation="exchange",outcome="invalid_client"}',
    'fullscript_sign_ins_total{outcome="state_unknown"}',
    'fullscript_rotation_to_save_seconds_count{place="memory"}',
    'fullscript_lock_wait_seconds_count{outcome="timed_out"}',
    'fullscript_store_errors_total{reason="read_only"}',
    'fullscript_rate_limited_total{limit="start"}',
  ])('%s → there from the start, at 0, so that the first one is an increase', async (name) => {
    expect(readSeries(await wholeMetrics().registry.metrics()).get(name)).toBe(0);
  });
});
