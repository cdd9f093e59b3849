import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { TurnCounts, TurnMeasures } from '../fullscript/call-turns.js';
import { SECONDS, fixedChildren } from './fixed-labels.js';

const REASONS = ['too_many_open_calls', 'fullscript_congested', 'client_gone'];

/** Calls of Fullscript's API that had to wait for their turn. */
export function turnMetrics(registry: Registry): TurnMeasures {
  const registers = [registry];
  const waits = new Histogram({
    name: 'fullscript_api_turn_wait_seconds',
    help: 'How long calls waited for their turn; those that found one at once are left out',
    buckets: SECONDS,
    registers,
  });
  const notSent = new Counter({
    name: 'fullscript_api_calls_not_sent_total',
    help: 'Calls of the API that were not sent, by reason',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of REASONS) notSent.inc({ reason }, 0);
  const ofReason = fixedChildren(REASONS, (reason) => notSent.labels(reason));
  return {
    waited: (ms) => {
      waits.observe(ms / 1000);
    },
    notSent: (why) => {
      ofReason(why).inc();
    },
  };
}

/** Calls by what they do when somebody asks for the metrics. */
export function turnGauge(registry: Registry, counts: () => TurnCounts): void {
  new Gauge({
    name: 'fullscript_api_calls',
    help: 'Calls of the API under way, and those that wait for their turn',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, calls] of Object.entries(counts())) this.set({ state }, Number(calls));
    },
  });
}
