import type { Environment } from './read-variables.js';

/** Where spans go; undefined where nobody asked for them. */
export type TracingConfig = TracingOn | TracingProblem | undefined;

export interface TracingOn {
  readonly exporters: readonly TraceExporter[];
  readonly protocol: 'http/protobuf' | 'http/json';
  /** Whether `traceparent` is understood. */
  readonly propagated: boolean;
}

/** What was asked for cannot be had. The portal works all the same. */
export interface TracingProblem {
  readonly problem: string;
}

export type TraceExporter = 'otlp' | 'console';

/**
 * OpenTelemetry's variables that the server or its compose file knows; the SDK reads them itself, and
 * others too.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export const OTEL_VARIABLES = [
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector; switches traces on', 'http://collector:4318'],
  [
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    'the same, with the path of traces',
    'http://collector:4318/v1/traces',
  ],
  ['OTEL_TRACES_EXPORTER', 'otlp or console, which switch traces on, or none', 'otlp'],
  ['OTEL_SDK_DISABLED', 'true switches traces off, whatever else is set', 'true'],
  [
    'OTEL_EXPORTER_OTLP_PROTOCOL',
    'http/protobuf, which is the default, or http/json; grpc is not supported',
    'http/json',
  ],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'the same for traces alone', 'http/json'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'sent to the collector; comma list', 'x-api-key=…'],
  ['OTEL_SERVICE_NAME', 'name of this service; fullscript-connect by default', 'portal'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'more about it; comma list', 'deployment.environment.name=staging'],
  ['OTEL_TRACES_SAMPLER', 'which traces are kept; all by default', 'parentbased_traceidratio'],
  ['OTEL_TRACES_SAMPLER_ARG', 'the share that is kept', '0.1'],
  [
    'OTEL_PROPAGATORS',
    'without tracecontext no trace of a caller is continued; see TRUST_PROXY',
    'tracecontext',
  ],
  ['OTEL_BSP_SCHEDULE_DELAY', 'milliseconds between two exports; 5000 by default', '1000'],
] as const;

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;

/** Whether spans are wanted, and how. As everywhere, an empty value means unset. */
export function readTracing(env: Environment): TracingConfig {
  const read = (name: string) => env[name]?.trim() || undefined;
  if (read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  const named = listOf(read('OTEL_TRACES_EXPORTER'));
  if (named?.includes('none')) return undefined;
  const endpoint =
    read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? read('OTEL_EXPORTER_OTLP_ENDPOINT');
  const wanted = named ?? (endpoint === undefined ? [] : ['otlp']);
  if (wanted.length === 0) return undefined;
  const exporters = wanted.filter(isExporter);
  if (exporters.length < wanted.length) {
    return { problem: 'OTEL_TRACES_EXPORTER is none of otlp, console and none' };
  }
  if (endpoint !== undefined && !isHttp(endpoint)) {
    return { problem: 'OTEL_EXPORTER_OTLP_ENDPOINT is not an http or https URL' };
  }
  const protocol =
    read('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? read('OTEL_EXPORTER_OTLP_PROTOCOL');
  const known = PROTOCOLS.find((one) => one === (protocol ?? 'http/protobuf'));
  if (known === undefined) {
    return { problem: 'OTEL_EXPORTER_OTLP_PROTOCOL is neither http/protobuf nor http/json' };
  }
  const propagated = listOf(read('OTEL_PROPAGATORS'))?.includes('tracecontext') ?? true;
  return { exporters, protocol: known, propagated };
}

function listOf(value: string | undefined): string[] | undefined {
  return value?.split(',').flatMap((one) => one.trim().toLowerCase() || []);
}

function isExporter(name: string): name is TraceExporter {
  return name === 'otlp' || name === 'console';
}

function isHttp(endpoint: string): boolean {
  return URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol);
}
