import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AdmissionMeasures } from '../http/admission.js';
import { SECONDS, fixedChildren } from './fixed-labels.js';

const REASONS = ['server_busy', 'client_gone'];

/** Requests that had to wait at the door of this process. */
export function admissionMetrics(registry: Registry): AdmissionMeasures {
  const registers = [registry];
  const waits = new Histogram({
    name: 'fullscript_request_wait_seconds',
    help: 'How long requests waited before they were begun; those begun at once are left out',
    buckets: SECONDS,
    registers,
  });
  const notBegun = new Counter({
    name: 'fullscript_requests_not_begun_total',
    help: 'Requests that were not begun, by reason',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of REASONS) notBegun.inc({ reason }, 0);
  const ofReason = fixedChildren(REASONS, (reason) => notBegun.labels(reason));
  return {
    waited: (ms) => {
      waits.observe(ms / 1000);
    },
    notBegun: (why) => {
      ofReason(why).inc();
    },
  };
}

/** Requests that wait at the door when somebody asks for the metrics. */
export function waitingGauge(registry: Registry, waiting: () => number): void {
  new Gauge({
    name: 'fullscript_requests_waiting',
    help: 'Requests that wait to be begun',
    registers: [registry],
    collect() {
      this.set(waiting());
    },
  });
}
