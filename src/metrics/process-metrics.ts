import { Gauge, type Registry, collectDefaultMetrics } from 'prom-client';

/** Gauges that are named like counters, which promtool refuses; the same numbers come by type as well. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** Sets what is known of the delays of the event loop, and forgets them. */
const EVENT_LOOP = 'nodejs_eventloop_lag_seconds';
const EVENT_LOOP_EVERY_MS = 1_000;

/**
 * The process itself: what prom-client measures, and which build it is.
 *
 * @param of.now milliseconds of a clock that only goes on.
 */
export function processMetrics(
  registry: Registry,
  { version, now }: { readonly version: string; readonly now: () => number },
): void {
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  collectSeldom(registry.getSingleMetric(EVENT_LOOP), now);
  const build = new Gauge({
    name: 'fullscript_build_info',
    help: 'Always 1; its labels say which version runs on which Node',
    labelNames: ['version', 'node'],
    registers: [registry],
  });
  build.set({ version, node: process.version }, 1);
}

/**
 * All delays are gone through for each of eight numbers, which takes a quarter of a scrape. And they are forgotten
 * then, so that scrapes in quick succession would tell of next to nothing.
 */
function collectSeldom(metric: object | undefined, now: () => number): void {
  const collecting = metric as { collect?: () => unknown } | undefined;
  const collect = collecting?.collect;
  if (collecting === undefined || collect === undefined) return;
  let next = -Infinity;
  collecting.collect = () => {
    if (now() < next) return;
    next = now() + EVENT_LOOP_EVERY_MS;
    collect.call(collecting);
  };
}
