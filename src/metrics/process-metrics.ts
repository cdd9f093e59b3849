import { Gauge, type Registry, collectDefaultMetrics } from 'prom-client';

/** Gauges that are named like counters, which promtool refuses; the same numbers come by type as well. */
const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
];

/** The process itself: what prom-client measures, and which build it is. */
export function processMetrics(registry: Registry, version: string): void {
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const build = new Gauge({
    name: 'fullscript_build_info',
    help: 'Always 1; its labels say which version runs on which Node',
    labelNames: ['version', 'node'],
    registers: [registry],
  });
  build.set({ version, node: process.version }, 1);
}
