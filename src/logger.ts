import { createRequire } from 'node:module';
import {
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type Logger,
  type LoggerOptions,
  pino,
  stdTimeFunctions,
} from 'pino';
import type { build } from 'pino-pretty';
import { describeError } from './logging/describe-error.js';
import { gatherLines } from './logging/gathered-lines.js';
import { loggable } from './logging/loggable.js';
import { withoutSecrets } from './logging/without-secrets.js';

/**
 * Makes the logger: JSON lines in production, readable ones in development. Each has `time` in UTC, `level`
 * and `msg`, and the id of the request that it was written for; what else it holds went through `loggable`.
 *
 * @param options.requestId the id of the request that is being worked on, if one is.
 * @param options.destination where lines go instead of standard output.
 */
export function createLogger(options: {
  level: string;
  production: boolean;
  requestId?: () => string | undefined;
  destination?: DestinationStream;
}): Logger {
  const { level, production, requestId = () => undefined, destination } = options;
  const settings: LoggerOptions = {
    ...{ level, base: null, timestamp: stdTimeFunctions.isoTime },
    // What a line says itself wins.
    mixin: () => ({ requestId: requestId() }),
    formatters: { log: loggable },
    // Pino's own would make something else of what `loggable` made.
    serializers: { err: (described: unknown) => described },
    hooks: {
      logMethod(args, method) {
        const [fields, message] = lineOf(args);
        method.call(this, fields, message);
      },
    },
  };
  if (destination !== undefined) return withSafeChildren(pino(settings, destination));
  if (production) {
    const stdout = gatherLines(pino.destination({ dest: 1, sync: true }));
    return withSafeChildren(pino(settings, stdout));
  }
  // In production it is not even loaded.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof build;
  const stream = pretty({ sync: true, singleLine: true });
  return withSafeChildren(pino(settings, stream));
}

/**
 * Fields and message of a line. Without a message pino takes that of the error, as it is. There are no
 * texts to be put into messages: what there is to say stands in fields.
 */
function lineOf([first, second]: readonly unknown[]): [object, string | undefined] {
  if (typeof first === 'string') return [{}, withoutSecrets(first)];
  const fields = first instanceof Error ? { err: first } : ((first ?? {}) as { err?: unknown });
  if (typeof second === 'string') return [fields, withoutSecrets(second)];
  return [fields, fields.err === undefined ? undefined : describeError(fields.err).message];
}

/** Pino shows the fields of a child without asking the formatter of its parent. */
function withSafeChildren(log: Logger): Logger {
  const child = log.child.bind(log);
  const safe = (bindings: Bindings, options?: ChildLoggerOptions) =>
    withSafeChildren(child(loggable(bindings), options));
  return Object.assign(log, { child: safe });
}
