import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Counter, Histogram, type Registry } from 'prom-client';
import { STORE_CALLS, type StoreCall } from '../redis/store-call.js';
import { STORE_FAILURES } from '../redis/store-failure.js';
import { FAST_SECONDS, OTHER, fixedChildren } from './fixed-labels.js';

export interface StoreMetrics {
  readonly storeCall: (call: StoreCall) => void;
  /**
   * Counts the uses of Redis until it is told to end. The channel belongs to the process: two servers in
   * one process both count what either of them does.
   */
  readonly countStoreCalls: () => () => Promise<void>;
}

/** The names of operations are written in the adapters; this is only for the day somebody makes one up. */
const MOST_OPERATIONS = 64;

export function storeMetrics(registry: Registry): StoreMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'fullscript_store_call_duration_seconds',
    help: 'How long uses of Redis took, failed ones included',
    labelNames: ['operation'],
    buckets: FAST_SECONDS,
    registers,
  });
  const errors = new Counter({
    name: 'fullscript_store_errors_total',
    help: 'Uses of Redis that failed',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of STORE_FAILURES) errors.inc({ reason }, 0);
  const ofReason = fixedChildren(STORE_FAILURES, (reason) => errors.labels(reason));
  const ofOperation = firstChildren((operation) => durations.labels(operation));

  const storeCall = ({ operation, tookMs, failure }: StoreCall) => {
    ofOperation(operation).observe(tookMs / 1000);
    if (failure !== undefined) ofReason(failure).inc();
  };
  return {
    storeCall,
    countStoreCalls: () => {
      const listener = (message: unknown) => {
        storeCall(message as StoreCall);
      };
      subscribe(STORE_CALLS, listener);
      return () => {
        unsubscribe(STORE_CALLS, listener);
        return Promise.resolve();
      };
    },
  };
}

/** A child for each name as it comes, but not for any number of them. */
function firstChildren<Child>(make: (value: string) => Child): (name: string) => Child {
  const children = new Map<string, Child>();
  return (name) => {
    const found = children.get(name);
    if (found !== undefined) return found;
    const isRoom = children.size < MOST_OPERATIONS;
    const child = make(isRoom ? name.replaceAll(/\W+/g, '_').slice(0, 40) : OTHER);
    if (isRoom) children.set(name, child);
    return child;
  };
}
