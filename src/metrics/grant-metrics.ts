import { Counter, Histogram, type Registry } from 'prom-client';
import type { GrantEvents } from '../grants/grant-events.js';
import { PAIR_PLACES, type RefreshMeasures } from '../grants/refresh-measures.js';
import { FAST_SECONDS, SECONDS, fixedChildren } from './fixed-labels.js';

export interface GrantMetrics {
  readonly grants: GrantEvents;
  readonly refreshes: RefreshMeasures;
}

export function grantMetrics(registry: Registry): GrantMetrics {
  return { grants: grantEvents(registry), refreshes: refreshMeasures(registry) };
}

/** Counts one event. */
function eventCounter(registry: Registry): (event: string) => () => void {
  const events = new Counter({
    name: 'fullscript_grant_events_total',
    help: 'What happened to grants',
    labelNames: ['event'],
    registers: [registry],
  });
  return (event) => {
    const child = events.labels(event);
    // Else the first of its kind after a start is no increase to Prometheus, and raises no alert.
    child.inc(0);
    return () => {
      child.inc();
    };
  };
}

function grantEvents(registry: Registry): GrantEvents {
  const durations = new Histogram({
    name: 'fullscript_refresh_duration_seconds',
    help: 'From redeeming a refresh token to the saved answer',
    buckets: SECONDS,
    registers: [registry],
  });
  const count = eventCounter(registry);
  const refreshed = count('refreshed');
  return {
    connected: count('connected'),
    scopeMissing: count('scope_missing'),
    refreshed: (_key, tookMs) => {
      refreshed();
      durations.observe(tookMs / 1000);
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

function refreshMeasures(registry: Registry): RefreshMeasures {
  const registers = [registry];
  const waits = new Histogram({
    name: 'fullscript_lock_wait_seconds',
    help: 'How long callers waited for another holder of the lock; those who found it free are left out',
    labelNames: ['outcome'],
    buckets: SECONDS,
    registers,
  });
  const saves = new Histogram({
    name: 'fullscript_rotation_to_save_seconds',
    help: 'From the answer to a refresh until its pair was safe, by place: store, unconfirmed, journal or memory',
    labelNames: ['place'],
    buckets: FAST_SECONDS,
    registers,
  });
  const heldOff = new Counter({
    name: 'fullscript_refreshes_held_off_total',
    help: 'Refreshes that the back-off turned away, because one had failed a short time before',
    registers,
  });
  for (const place of PAIR_PLACES) saves.zero({ place });
  for (const outcome of ['acquired', 'timed_out']) waits.zero({ outcome });
  const ofPlace = fixedChildren(PAIR_PLACES, (place) => saves.labels(place));
  return {
    lockWaited: (tookMs, outcome) => {
      waits.observe({ outcome }, tookMs / 1000);
    },
    pairSafe: (tookMs, place) => {
      ofPlace(place).observe(tookMs / 1000);
    },
    heldOff: () => {
      heldOff.inc();
    },
  };
}
