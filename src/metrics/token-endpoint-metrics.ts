import { Counter, Histogram, type Registry } from 'prom-client';
import { TokenEndpointError, type TokenEndpointErrorCode } from '../oauth/errors.js';
import type { TokenEndpoint } from '../oauth/token-endpoint.js';
import { SECONDS, fixedChildren } from './fixed-labels.js';

export interface TokenEndpointMetrics {
  /** The same endpoint; every request to it is counted and timed. */
  readonly measured: (endpoint: TokenEndpoint) => TokenEndpoint;
}

/** Written as an object, so that the compiler misses a code that is missing. */
const OUTCOMES = Object.keys({
  ok: true,
  invalid_grant: true,
  invalid_client: true,
  invalid_request: true,
  unauthorized_client: true,
  unsupported_grant_type: true,
  invalid_scope: true,
  rate_limited: true,
  server_error: true,
  unreachable: true,
  no_answer: true,
  invalid_response: true,
  unsupported_token_type: true,
} satisfies Record<TokenEndpointErrorCode | 'ok', true>);

export function tokenEndpointMetrics(registry: Registry): TokenEndpointMetrics {
  const measuring = measurer(registry);
  const exchange = measuring('exchange');
  const refresh = measuring('refresh');
  const revoke = measuring('revoke');
  return {
    measured: (endpoint) => ({
      exchangeCode: (...args) => exchange(endpoint.exchangeCode(...args)),
      refresh: (...args) => refresh(endpoint.refresh(...args)),
      revoke: (...args) => revoke(endpoint.revoke(...args)),
    }),
  };
}

/** For one operation, a function that watches requests of it to their end. */
function measurer(registry: Registry) {
  const registers = [registry];
  const requests = new Counter({
    name: 'fullscript_token_requests_total',
    help: 'Requests to the token and revocation endpoints: ok, or the code of the error',
    labelNames: ['operation', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'fullscript_token_request_duration_seconds',
    help: 'How long the token and revocation endpoints took to answer, or to fail',
    labelNames: ['operation'],
    buckets: SECONDS,
    registers,
  });
  return (operation: string) => {
    const duration = durations.labels(operation);
    const ofOutcome = fixedChildren(OUTCOMES, (outcome) => requests.labels(operation, outcome));
    // Else the first of its kind after a start is no increase to Prometheus, and raises no alert.
    for (const outcome of OUTCOMES) ofOutcome(outcome).inc(0);
    return async <T>(request: Promise<T>): Promise<T> => {
      const startedAt = performance.now();
      const outcome = await request.then(ok, outcomeOf);
      duration.observe((performance.now() - startedAt) / 1000);
      ofOutcome(outcome).inc();
      return request;
    };
  };
}

const ok = () => 'ok';

function outcomeOf(error: unknown): string {
  return error instanceof TokenEndpointError ? error.code : '';
}
