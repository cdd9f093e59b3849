import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';

/**
 * Makes the logger: JSON lines in production, readable ones in development.
 *
 * @param options.destination where lines go instead of standard output.
 */
export function createLogger(options: {
  level: string;
  production: boolean;
  destination?: DestinationStream;
}): Logger {
  const { level, production, destination } = options;
  const timestamp = stdTimeFunctions.isoTime;
  const settings = { level, base: null, timestamp, serializers: { err: describeError } };
  if (destination !== undefined) return pino(settings, destination);
  if (production) return pino(settings);
  const stream = pretty({ sync: true, singleLine: true });
  return pino(settings, stream);
}

/**
 * An error as the log shows it. Only these fields: clients hang whole commands, requests and headers
 * on their errors.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack, cause } = error;
  const { code, reason } = error as { code?: unknown; reason?: unknown };
  const because = cause instanceof Error ? { cause: `${cause.name}: ${cause.message}` } : {};
  const stable = typeof code === 'string' ? { code } : {};
  const told = typeof reason === 'string' ? { reason } : {};
  return { name, message, ...stable, ...told, ...because, stack };
}
