import { Counter, Gauge, type Registry } from 'prom-client';
import type { ClosedConnection } from '../connection-bounds.js';
import { fixedChildren } from './fixed-labels.js';

const REASONS: readonly ClosedConnection[] = ['unread', 'unsent', 'too_many'];

export interface ConnectionMetrics {
  /** A connection was closed before its client was through with it. */
  readonly connectionClosed: (why: ClosedConnection) => void;
  /** There was no room for an answer of Fullscript. */
  readonly answerRefused: () => void;
}

/** What clients keep this process from giving back. */
export function connectionMetrics(registry: Registry): ConnectionMetrics {
  const registers = [registry];
  const closed = new Counter({
    name: 'fullscript_connections_closed_total',
    help: 'Connections of clients that were closed, by reason',
    labelNames: ['reason'],
    registers,
  });
  const refused = new Counter({
    name: 'fullscript_answers_refused_total',
    help: 'Answers of the API for which there was no room',
    registers,
  });
  for (const reason of REASONS) closed.inc({ reason }, 0);
  const ofReason = fixedChildren(REASONS, (reason) => closed.labels(reason));
  return {
    connectionClosed: (why) => {
      ofReason(why).inc();
    },
    answerRefused: () => {
      refused.inc();
    },
  };
}

/** What is kept of answers when somebody asks for the metrics. */
export function heldGauge(registry: Registry, heldBytes: () => number): void {
  new Gauge({
    name: 'fullscript_answers_held_bytes',
    help: 'Answers of the API that are kept for their clients, those that are being received included',
    registers: [registry],
    collect() {
      this.set(heldBytes());
    },
  });
}
