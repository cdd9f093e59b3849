import { Registry } from 'prom-client';
import type { ApiMeasures } from '../fullscript/api-measures.js';
import type { TurnMeasures } from '../fullscript/call-turns.js';
import type { AdmissionMeasures } from '../http/admission.js';
import { apiMetrics } from './api-metrics.js';
import { admissionMetrics } from './admission-metrics.js';
import { type ConnectionMetrics, connectionMetrics } from './connection-metrics.js';
import { createExposition } from './exposition.js';
import { type GrantMetrics, grantMetrics } from './grant-metrics.js';
import { processMetrics } from './process-metrics.js';
import { type RequestMetrics, requestMetrics } from './request-metrics.js';
import { type ScrapedSources, scrapedGauges } from './scraped-gauges.js';
import { type SignInMetrics, signInMetrics } from './sign-in-metrics.js';
import { type StoreMetrics, storeMetrics } from './store-metrics.js';
import { type TokenEndpointMetrics, tokenEndpointMetrics } from './token-endpoint-metrics.js';
import { turnMetrics } from './turn-metrics.js';

/** Prometheus metrics. Labels come from small fixed sets: no ids, no paths, no tokens. */
export interface Metrics
  extends
    RequestMetrics,
    SignInMetrics,
    GrantMetrics,
    TokenEndpointMetrics,
    StoreMetrics,
    ConnectionMetrics {
  readonly registry: Registry;
  /** All of them, in the text format of Prometheus. */
  readonly scrape: () => Promise<string>;
  readonly api: ApiMeasures;
  readonly turns: TurnMeasures;
  readonly admission: AdmissionMeasures;
  /** Says where to look when somebody asks for the metrics. Call it once. */
  readonly lookUp: (sources: ScrapedSources) => void;
}

export function createMetrics(options: {
  readonly version: string;
  /** Milliseconds of a clock that only goes on. */
  readonly now?: () => number;
}): Metrics {
  const { version, now = () => performance.now() } = options;
  const registry = new Registry();
  processMetrics(registry, { version, now });
  return {
    registry,
    scrape: createExposition(registry),
    ...requestMetrics(registry),
    ...signInMetrics(registry),
    ...grantMetrics(registry),
    ...tokenEndpointMetrics(registry),
    ...storeMetrics(registry),
    ...connectionMetrics(registry),
    api: apiMetrics(registry),
    turns: turnMetrics(registry),
    admission: admissionMetrics(registry),
    lookUp: (sources) => {
      scrapedGauges(registry, sources);
    },
  };
}
