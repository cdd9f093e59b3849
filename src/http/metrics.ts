import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { GrantEvents } from '../grants/grant-events.js';
import type { RequestLine } from './request-log.js';

/** Prometheus metrics. Labels come from small fixed sets: no ids, no paths, no tokens. */
export interface Metrics {
  readonly registry: Registry;
  readonly request: (line: RequestLine) => void;
  readonly signIn: (outcome: string) => void;
  readonly rateLimited: (limit: string) => void;
  readonly liveStreams: (count: number) => void;
  readonly grants: GrantEvents;
}

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const signIns = new Counter({
    name: 'fullscript_sign_ins_total',
    help: 'Finished and failed sign-ins',
    labelNames: ['outcome'],
    registers,
  });
  const limited = new Counter({
    name: 'fullscript_rate_limited_total',
    help: 'Requests refused because a limit was reached',
    labelNames: ['limit'],
    registers,
  });
  return {
    registry,
    ...requestMetrics(registers),
    signIn: (outcome) => {
      signIns.inc({ outcome });
    },
    rateLimited: (limit) => {
      limited.inc({ limit });
    },
    grants: grantMetrics(registers),
  };
}

function requestMetrics(registers: Registry[]): Pick<Metrics, 'request' | 'liveStreams'> {
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Answers by method and status',
    labelNames: ['method', 'status'],
    buckets: SECONDS,
    registers,
  });
  const streams = new Gauge({
    name: 'fullscript_live_streams',
    help: 'Event streams that are open',
    registers,
  });
  return {
    request: ({ method, status, ms, stream }) => {
      if (!stream) requests.observe({ method, status: String(status) }, ms / 1000);
    },
    liveStreams: (count) => {
      streams.set(count);
    },
  };
}

function grantMetrics(registers: Registry[]): GrantEvents {
  const events = new Counter({
    name: 'fullscript_grant_events_total',
    help: 'What happened to grants',
    labelNames: ['event'],
    registers,
  });
  const refreshes = new Histogram({
    name: 'fullscript_refresh_duration_seconds',
    help: 'From redeeming a refresh token to the saved answer',
    buckets: SECONDS,
    registers,
  });
  const count = (event: string) => () => {
    events.inc({ event });
  };
  return {
    connected: count('connected'),
    scopeMissing: count('scope_missing'),
    refreshed: (_key, tookMs) => {
      events.inc({ event: 'refreshed' });
      refreshes.observe(tookMs / 1000);
    },
    refreshFailed: count('refresh_failed'),
    earlyRefreshFailed: count('early_refresh_failed'),
    reconnectNeeded: count('reconnect_needed'),
    saveFailed: count('save_failed'),
    replayed: count('replayed'),
    latePairDiscarded: count('late_pair_discarded'),
    revokeFailed: count('revoke_failed'),
    revocationConfirmed: count('revocation_confirmed'),
    revocationGivenUp: count('revocation_given_up'),
    disconnected: count('disconnected'),
  };
}
