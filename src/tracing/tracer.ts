import type { IncomingHttpHeaders } from 'node:http';

/**
 * All that a span may say. Values come from small fixed sets, apart from the request id, which the log
 * has too: no path, no query, no key, no id of a person, no token.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/
 */
export interface SpanAttributes {
  readonly 'http.request.method'?: string;
  /** The template, never the path. */
  readonly 'http.route'?: string;
  readonly 'http.response.status_code'?: number;
  /** How often the same request was sent before. */
  readonly 'http.request.resend_count'?: number;
  readonly 'server.address'?: string;
  readonly 'server.port'?: number;
  readonly 'db.system.name'?: 'redis';
  /** The command's name, never its arguments. */
  readonly 'db.operation.name'?: string;
  readonly 'error.type'?: string;
  readonly 'fullscript_connect.request_id'?: string;
  readonly 'fullscript_connect.registration'?: string;
  readonly 'fullscript_connect.outcome'?: string;
}

export interface SpanStart {
  readonly name: string;
  readonly kind?: 'server' | 'client';
  readonly attributes?: SpanAttributes;
  /** Of a request whose caller's trace is to be continued. */
  readonly headers?: IncomingHttpHeaders | undefined;
}

/** A span that is open. */
export interface Span {
  readonly rename: (name: string) => void;
  readonly set: (attributes: SpanAttributes) => void;
  /** @param type from a fixed set; see `errorType`. */
  readonly fail: (type: string) => void;
  readonly end: () => void;
}

/** Tells how long work took and what it was part of. */
export interface Tracer {
  /** False where nobody listens: decorators then leave what they are given as it is. */
  readonly on: boolean;
  /** Runs `work` inside a span, and answers what it answers. */
  readonly span: <T>(start: SpanStart, work: (span: Span) => Promise<T>) => Promise<T>;
  /** Opens a span that nothing is part of. */
  readonly open: (start: SpanStart) => Span;
  /** The span that this work runs in, while it is open and going to be exported. */
  readonly current: () => Span | undefined;
}

/** A tracer, and its end. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what waits, for a moment. Never fails, never hangs. */
  readonly close: () => Promise<void>;
}

const nothing = () => undefined;
const SILENT: Span = { rename: nothing, set: nothing, fail: nothing, end: nothing };

/** The tracer of a server without OTEL variables. */
export const noTracer: Tracer = {
  on: false,
  span: (_start, work) => work(SILENT),
  open: () => SILENT,
  current: nothing,
};
