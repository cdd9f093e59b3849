import type { Span, SpanAttributes, SpanStart, Tracer } from '../../src/tracing/tracer.js';

/** A span as it was when it ended, or is. */
export interface RecordedSpan {
  name: string;
  kind: string;
  attributes: SpanAttributes;
  failed: string | undefined;
  ended: boolean;
}

/** A tracer that keeps its spans. It knows one current span, so it is for one piece of work at a time. */
export function createRecordingTracer(): { tracer: Tracer; spans: RecordedSpan[] } {
  const spans: RecordedSpan[] = [];
  const current: Span[] = [];
  const open = ({ name, kind, attributes = {} }: SpanStart): Span => {
    const span: RecordedSpan = {
      ...{ name, kind: kind ?? 'internal', attributes },
      failed: undefined,
      ended: false,
    };
    spans.push(span);
    return {
      rename: (to) => {
        span.name = to;
      },
      set: (more) => {
        if (!span.ended) span.attributes = { ...span.attributes, ...more };
      },
      fail: (type) => {
        if (!span.ended) span.failed = type;
      },
      end: () => {
        span.ended = true;
      },
    };
  };
  const tracer: Tracer = {
    on: true,
    open,
    current: () => current.at(-1),
    span: async (start, work) => {
      const span = open(start);
      current.push(span);
      try {
        return await work(span);
      } catch (error) {
        span.fail(error instanceof Error ? error.constructor.name : 'other');
        throw error;
      } finally {
        current.pop();
        span.end();
      }
    },
  };
  return { tracer, spans };
}
