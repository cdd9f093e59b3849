import { Counter, Histogram, type Registry } from 'prom-client';
import type { Audit, AuditEvent } from '../http/audit.js';
import { ERROR_TABLE } from '../http/error-table.js';
import { SECONDS, fixedChildren } from './fixed-labels.js';

export interface SignInMetrics {
  /** @param outcome `success`, or the code of the error that people were shown. */
  readonly signIn: (outcome: string, tookMs: number) => void;
  /** An audit that also counts the sessions it is told of. */
  readonly countingSessions: (audit: Audit) => Audit;
}

const OUTCOMES = ['success', ...Object.keys(ERROR_TABLE)];

/** How sessions end that do not just run out, by the audit line that says so. */
const ENDS = new Map<AuditEvent, string>([
  ['signed_out', 'signed_out'],
  ['signed_out_everywhere', 'signed_out_everywhere'],
  ['sessions_ended', 'ended_elsewhere'],
]);
/** Not by anybody's wish. */
const OVER_LIMIT = 'over_limit';

export function signInMetrics(registry: Registry): SignInMetrics {
  const registers = [registry];
  const signIns = new Counter({
    name: 'fullscript_sign_ins_total',
    help: 'Finished and failed sign-ins: success, or the code of the error',
    labelNames: ['outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'fullscript_sign_in_duration_seconds',
    help: 'From the return from Fullscript to the stored session, or to the error page',
    labelNames: ['result'],
    buckets: SECONDS,
    registers,
  });
  const ofOutcome = fixedChildren(OUTCOMES, (outcome) => signIns.labels(outcome));
  const [success, failure] = [durations.labels('success'), durations.labels('failure')];
  // Else the first of its kind after a start is no increase to Prometheus, and raises no alert.
  for (const outcome of OUTCOMES) ofOutcome(outcome).inc(0);
  return {
    signIn: (outcome, tookMs) => {
      ofOutcome(outcome).inc();
      (outcome === 'success' ? success : failure).observe(tookMs / 1000);
    },
    countingSessions: sessionCounter(registry),
  };
}

/** Sessions that run out are nowhere noticed; see docs/adr/0020-metrics.md. */
function sessionCounter(registry: Registry): SignInMetrics['countingSessions'] {
  const registers = [registry];
  const started = new Counter({
    name: 'fullscript_sessions_started_total',
    help: 'Sessions begun by a sign-in',
    registers,
  });
  const ended = new Counter({
    name: 'fullscript_sessions_ended_total',
    help: 'Sessions ended by their user, or because there were too many of one user; those that run out are not seen',
    labelNames: ['how'],
    registers,
  });
  for (const how of [...ENDS.values(), OVER_LIMIT]) ended.inc({ how }, 0);
  return (audit) => (event, details) => {
    audit(event, details);
    const how = details.reason === 'session_limit' ? OVER_LIMIT : ENDS.get(event);
    if (event === 'signed_in') started.inc();
    if (how !== undefined) ended.inc({ how }, details.sessions ?? 1);
  };
}
