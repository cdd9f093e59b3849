import { Counter, Histogram, type Registry } from 'prom-client';
import type { ApiMeasures } from '../fullscript/api-measures.js';
import type { FullscriptApiErrorCode } from '../fullscript/errors.js';
import { SECONDS, fixedChildren } from './fixed-labels.js';
import { METHODS, statusClass } from './request-metrics.js';

/** What a call comes to without a status. */
const NO_ANSWERS = new Map<FullscriptApiErrorCode, string>([
  ['fullscript_timeout', 'timeout'],
  ['fullscript_unreachable', 'unreachable'],
]);
const OUTCOMES = ['2xx', '3xx', '401', '403', '404', '429', '4xx', '5xx', ...NO_ANSWERS.values()];
const SAID_ALONE = new Set([401, 403, 404, 429]);

/** Calls of Fullscript's resource API, by the gateway and by the pages. */
export function apiMetrics(registry: Registry): ApiMeasures {
  const registers = [registry];
  const requests = new Counter({
    name: 'fullscript_api_requests_total',
    help: 'Requests to the API of Fullscript by outcome: a status or its class, timeout or unreachable',
    labelNames: ['method', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'fullscript_api_request_duration_seconds',
    help: 'How long the API of Fullscript took to answer, or to fail',
    labelNames: ['method'],
    buckets: SECONDS,
    registers,
  });
  const retries = new Counter({
    name: 'fullscript_api_retries_total',
    help: 'Requests sent a second time: unauthorized with a new token, passing after a moment',
    labelNames: ['reason'],
    registers,
  });
  const ofMethod = fixedChildren(METHODS, (method) => ({
    duration: durations.labels(method),
    ofOutcome: fixedChildren(OUTCOMES, (outcome) => requests.labels(method, outcome)),
  }));
  for (const reason of ['unauthorized', 'passing']) retries.inc({ reason }, 0);
  const ofReason = fixedChildren(['unauthorized', 'passing'], (reason) => retries.labels(reason));
  return {
    called: ({ method, outcome, tookMs }) => {
      const { duration, ofOutcome } = ofMethod(method);
      ofOutcome(label(outcome)).inc();
      duration.observe(tookMs / 1000);
    },
    retried: (why) => {
      ofReason(why).inc();
    },
  };
}

function label(outcome: number | FullscriptApiErrorCode): string {
  if (typeof outcome !== 'number') return NO_ANSWERS.get(outcome) ?? '';
  return SAID_ALONE.has(outcome) ? String(outcome) : statusClass(outcome);
}
