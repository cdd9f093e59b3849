import { Gauge, type Registry } from 'prom-client';
import type { TurnCounts } from '../fullscript/call-turns.js';
import { GRANT_STATUSES, type GrantCount } from '../grants/grant-index.js';
import type { RevocationCounts } from '../grants/revocation-queue.js';
import { REGISTRATION_IDS } from '../oauth/registration.js';
import { OTHER } from './fixed-labels.js';
import { inTime } from './in-time.js';
import { waitingGauge } from './admission-metrics.js';
import { heldGauge } from './connection-metrics.js';
import { turnGauge } from './turn-metrics.js';

/** What is looked up when somebody asks for the metrics, and not before. */
export interface ScrapedSources {
  /** How many refreshed pairs wait to be saved. */
  readonly unsaved: () => number;
  /** Calls of the API in this process. */
  readonly apiCalls: () => TurnCounts;
  /** Requests that wait to be begun in this process. */
  readonly requestsWaiting: () => number;
  /** Of answers that clients have not taken yet. */
  readonly heldBytes: () => number;
  /** Resolves when the store answers. */
  readonly ping: () => Promise<void>;
  /** Revocations by state. */
  readonly revocations: () => Promise<RevocationCounts>;
  /** Where nobody counts them, the gauge stays empty. */
  readonly grants?: (() => Promise<readonly GrantCount[]>) | undefined;
}

/**
 * Gauges of what the store holds. Every process reports the same numbers then, so they are not to be added
 * up. What cannot be learned in time is left out: an old number would look like a new one.
 */
export function scrapedGauges(registry: Registry, sources: ScrapedSources): void {
  processGauges(registry, sources);
  turnGauge(registry, sources.apiCalls);
  waitingGauge(registry, sources.requestsWaiting);
  heldGauge(registry, sources.heldBytes);
  revocationGauge(registry, sources);
  grantGauge(registry, sources);
}

function processGauges(registry: Registry, { unsaved, ping }: ScrapedSources): void {
  const registers = [registry];
  new Gauge({
    name: 'fullscript_journal_pairs',
    help: 'Refreshed pairs that wait in the journal of this process to be saved',
    registers,
    collect() {
      this.set(unsaved());
    },
  });
  new Gauge({
    name: 'fullscript_store_up',
    help: '1 when the store has answered this scrape, else 0',
    registers,
    async collect() {
      this.set((await inTime(() => ping().then(() => true))) === true ? 1 : 0);
    },
  });
}

const STATES = ['waiting', 'active', 'delayed', 'failed'] as const;

function revocationGauge(registry: Registry, { revocations }: ScrapedSources): void {
  new Gauge({
    name: 'fullscript_revocations_queued',
    help: 'Revocations that Fullscript has not confirmed yet, of all processes',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const counts = await inTime(revocations);
      this.reset();
      if (counts === undefined) return;
      for (const state of STATES) this.set({ state }, counts[state]);
    },
  });
}

const REGISTRATIONS = new Set<string>(REGISTRATION_IDS);
const STATUSES = new Set<string>(GRANT_STATUSES);

function grantGauge(registry: Registry, { grants = nobodyCounts }: ScrapedSources): void {
  new Gauge({
    name: 'fullscript_grants',
    help: 'Grants by registration and status, of all processes',
    labelNames: ['registration', 'status'],
    registers: [registry],
    async collect() {
      const counts = await inTime(grants);
      this.reset();
      for (const { registration, status, grants: count } of counts ?? []) {
        const known = REGISTRATIONS.has(registration) ? registration : OTHER;
        this.inc({ registration: known, status: STATUSES.has(status) ? status : OTHER }, count);
      }
    },
  });
}

function nobodyCounts(): Promise<readonly GrantCount[]> {
  return Promise.resolve([]);
}
