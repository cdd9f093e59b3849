import type { Logger } from 'pino';
import type { TracingConfig } from '../config/tracing.js';
import { type Tracing, noTracer } from './tracer.js';

const OFF: Tracing = { tracer: noTracer, close: () => Promise.resolve() };

/**
 * The tracer that the configuration asks for. OpenTelemetry's SDK is loaded only where it is used, and
 * nothing that is wrong with it keeps the server from starting.
 */
export async function openTracing(config: TracingConfig, log: Logger): Promise<Tracing> {
  if (config === undefined) return OFF;
  if ('problem' in config) {
    log.warn(`traces are off: ${config.problem}`);
    return OFF;
  }
  try {
    const { openOtel } = await import('./otel.js');
    const tracing = await openOtel(config, log);
    const { exporters, protocol } = config;
    log.info({ exporters, protocol }, 'traces are exported as OTEL variables say');
    return tracing;
  } catch (err) {
    log.warn({ err }, 'traces are off: OpenTelemetry could not be started');
    return OFF;
  }
}
