import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Collector, startCollector } from '../../support/collector.js';
import { openStage, travel } from '../../support/leaks/journey.js';

// Here although it starts no process: it changes what belongs to a whole one, its environment and
// OpenTelemetry's global providers, which the suites of `npm test` share.

const before = { ...process.env };
let collector: Collector;

beforeEach(async () => {
  collector = await startCollector();
});

afterEach(async () => {
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  delete process.env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  Object.assign(process.env, before);
  await collector.close();
});

describe('traces of everything that can happen to a sign-in', () => {
  it('no secret, and no id of a person, is in any of them', async () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    };
    // The SDK reads them there; the server has its own from `loadConfig`.
    Object.assign(process.env, env);
    const stage = await openStage(env);
    // The server's end sends what there is, and takes the global providers away.
    const visits = await travel(stage).finally(stage.close);
    expect(Object.keys(visits).length).toBeGreaterThan(20);
    const exported = Buffer.concat(collector.requests.map(({ body }) => body)).toString('latin1');
    const spans = collector.spans();
    expect(spans.length).toBeGreaterThan(200);
    expect(new Set(spans.map(({ attributes }) => attributes['error.type'])).size).toBeGreaterThan(
      8,
    );
    expect(stage.secrets.length).toBeGreaterThan(20);
    expect(stage.secrets.filter(({ value }) => exported.includes(value))).toEqual([]);
    const people = stage.simulator.people.map(({ id }) => id);
    expect(people.filter((id) => exported.includes(id))).toEqual([]);
    expect(spans.filter(({ events, status }) => events.length > 0 || status.message)).toEqual([]);
  });
});
