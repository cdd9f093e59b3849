import {
  DiagLogLevel,
  type DiagLogger,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer as OtelTracer,
  context,
  diag,
  propagation,
  trace,
} from '@opentelemetry/api';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  NodeTracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import type { Logger } from 'pino';
import { atMost } from '../grants/patience.js';
import type { TraceExporter, TracingOn } from '../config/tracing.js';
import { errorType } from './error-type.js';
import { watchRedis } from './redis-spans.js';
import type { Span, SpanStart, Tracer, Tracing } from './tracer.js';
import { sayTracingTrouble } from './trouble.js';

/** How long the end of the process waits for a collector. */
const FLUSH_MS = 2_000;
const NAME = 'fullscript-connect';

/** The tracer on OpenTelemetry's SDK, which reads its variables itself. */
export async function openOtel(config: TracingOn, log: Logger): Promise<Tracing> {
  const say = sayTracingTrouble(log);
  // Ahead of everything: what is wrong with a variable is said when it is read.
  diag.setLogger(diagLogger(say), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const exporters = await Promise.all(config.exporters.map((one) => exporterOf(one, config)));
  const provider = new NodeTracerProvider({
    resource: resource(),
    spanProcessors: exporters.map((exporter) => new BatchSpanProcessor(exporter)),
  });
  provider.register();
  const tracer = createTracer(provider.getTracer(NAME));
  const unwatch = watchRedis(tracer);
  const close = async () => {
    unwatch();
    await flush(provider, say);
    for (const api of [trace, context, propagation, diag]) api.disable();
  };
  return { tracer, close };
}

/** Each is a package of its own, so only the one that is used is loaded. */
async function exporterOf(name: TraceExporter, { protocol }: TracingOn): Promise<SpanExporter> {
  if (name === 'console') return new ConsoleSpanExporter();
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  return new OTLPTraceExporter();
}

function resource() {
  return defaultResource()
    .merge(resourceFromAttributes({ 'service.name': NAME }))
    .merge(detectResources({ detectors: [envDetector] }));
}

/** The console is for our own log. */
function diagLogger(say: (complaint: unknown) => void): DiagLogger {
  const silent = () => undefined;
  return { error: say, warn: say, info: silent, debug: silent, verbose: silent };
}

async function flush(provider: NodeTracerProvider, say: (error: unknown) => void): Promise<void> {
  await atMost(FLUSH_MS, provider.shutdown().catch(say));
}

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT };

/** Our tracer on top of OpenTelemetry's. Of errors spans have the type, never message or stack. */
function createTracer(tracer: OtelTracer): Tracer {
  const start = ({ name, kind, attributes = {}, headers }: SpanStart) => {
    const parent =
      headers === undefined ? context.active() : propagation.extract(ROOT_CONTEXT, headers);
    const inner = tracer.startSpan(
      name,
      { kind: kind === undefined ? SpanKind.INTERNAL : KINDS[kind], attributes: { ...attributes } },
      parent,
    );
    return { inner, span: spanOn(inner) };
  };
  return {
    on: true,
    open: (about) => start(about).span,
    current: () => {
      const inner = trace.getActiveSpan();
      return inner?.isRecording() ? spanOn(inner) : undefined;
    },
    span: (about, work) => {
      const { inner, span } = start(about);
      return context.with(trace.setSpan(context.active(), inner), async () => {
        try {
          return await work(span);
        } catch (error) {
          span.fail(errorType(error));
          throw error;
        } finally {
          span.end();
        }
      });
    },
  };
}

/** What comes after the end, or was not sampled, is nothing; the SDK would complain about the first. */
function spanOn(inner: OtelSpan): Span {
  return {
    rename: (name) => {
      if (inner.isRecording()) inner.updateName(name);
    },
    set: (attributes) => {
      if (inner.isRecording()) inner.setAttributes({ ...attributes });
    },
    fail: (type) => {
      if (!inner.isRecording()) return;
      inner.setAttribute('error.type', type).setStatus({ code: SpanStatusCode.ERROR });
    },
    end: () => {
      if (inner.isRecording()) inner.end();
    },
  };
}
