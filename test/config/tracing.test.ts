import { describe, expect, it } from '@jest/globals';
import { readTracing } from '../../src/config/tracing.js';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
const ON = { exporters: ['otlp'], protocol: 'http/protobuf', propagated: true };

describe('readTracing', () => {
  it.each([
    ['nothing', {}],
    ['empty variables', { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_EXPORTER: ' ' }],
    ['a name alone', { OTEL_SERVICE_NAME: 'portal' }],
    ['OTEL_SDK_DISABLED', { ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }],
    ['the exporter none', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  ])('%s → off', (_, env) => {
    expect(readTracing(env)).toBeUndefined();
  });

  it.each([
    ['an endpoint', ENDPOINT, ON],
    [
      'an endpoint of traces',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' },
      ON,
    ],
    ['the exporter otlp', { OTEL_TRACES_EXPORTER: 'otlp' }, ON],
    ['the console', { OTEL_TRACES_EXPORTER: 'console' }, { ...ON, exporters: ['console'] }],
    [
      'both exporters',
      { OTEL_TRACES_EXPORTER: 'otlp, console' },
      { ...ON, exporters: ['otlp', 'console'] },
    ],
    [
      'a protocol',
      { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
      { ...ON, protocol: 'http/json' },
    ],
    [
      'a protocol of traces beside another one',
      {
        ...ENDPOINT,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
      },
      { ...ON, protocol: 'http/json' },
    ],
    ['a false OTEL_SDK_DISABLED', { ...ENDPOINT, OTEL_SDK_DISABLED: 'false' }, ON],
    [
      'propagators without tracecontext',
      { ...ENDPOINT, OTEL_PROPAGATORS: 'baggage' },
      { ...ON, propagated: false },
    ],
  ])('%s → on', (_, env, expected) => {
    expect(readTracing(env)).toEqual(expected);
  });

  it.each([
    ['grpc', { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL'],
    ['an unknown exporter', { OTEL_TRACES_EXPORTER: 'zipkin,otlp' }, 'OTEL_TRACES_EXPORTER'],
    [
      'an endpoint without a scheme',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
      'OTEL_EXPORTER_OTLP_ENDPOINT',
    ],
  ])('%s → a problem that names the variable', (_, env, variable) => {
    expect(readTracing(env)).toEqual({ problem: expect.stringContaining(variable) as unknown });
  });
});
