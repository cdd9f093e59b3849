import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RequestLine } from '../http/request-log.js';
import { SECONDS, fixedChildren } from './fixed-labels.js';

export interface RequestMetrics {
  readonly request: (line: Omit<RequestLine, 'requestId' | 'path'>) => void;
  readonly rateLimited: (limit: string) => void;
  readonly liveStreams: (count: number) => void;
}

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** What this server answers by itself, and what Fullscript is known to. The rest counts by its class. */
const STATUSES = [
  ...[200, 201, 202, 204, 301, 302, 303, 304, 400, 401, 403, 404, 405, 406, 409, 410, 413, 415],
  ...[422, 429, 431, 499, 500, 502, 503, 504],
].map(String);
const CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'];

const LIMITS = [
  ...['start', 'callback', 'refresh', 'disconnect', 'sign-out', 'sign-in'],
  ...['session', 'address', 'user'],
];

export function requestMetrics(registry: Registry): RequestMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Answers by method and status; event streams are left out',
    labelNames: ['method', 'status'],
    buckets: SECONDS,
    registers,
  });
  const limited = new Counter({
    name: 'fullscript_rate_limited_total',
    help: 'Requests refused because a limit was reached',
    labelNames: ['limit'],
    registers,
  });
  const streams = new Gauge({
    name: 'fullscript_live_streams',
    help: 'Event streams that are open',
    registers,
  });
  const ofMethod = fixedChildren(METHODS, (method) =>
    fixedChildren([...STATUSES, ...CLASSES], (status) => durations.labels(method, status)),
  );
  for (const limit of LIMITS) limited.inc({ limit }, 0);
  const ofLimit = fixedChildren(LIMITS, (limit) => limited.labels(limit));
  return {
    request: ({ method, status, ms, stream }) => {
      if (!stream) ofMethod(method)(statusLabel(status)).observe(ms / 1000);
    },
    rateLimited: (limit) => {
      ofLimit(limit).inc();
    },
    liveStreams: (count) => {
      streams.set(count);
    },
  };
}

const KNOWN_STATUSES = new Map(STATUSES.map((text) => [Number(text), text]));

function statusLabel(status: number): string {
  return KNOWN_STATUSES.get(status) ?? statusClass(status);
}

/** `2xx` and so on; whatever is no class is `other` to the metrics. */
export function statusClass(status: number): string {
  return CLASSES[Math.floor(status / 100) - 1] ?? '';
}
