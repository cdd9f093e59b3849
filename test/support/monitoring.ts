import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { createMetrics } from '../../src/metrics/metrics.js';

export const MONITORING = fileURLToPath(new URL('../../docs/monitoring/', import.meta.url));

export function read(name: string): string {
  return readFileSync(`${MONITORING}${name}`, 'utf8');
}

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

export function alerts(): Alert[] {
  const { groups } = parse(read('alerts.yml')) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** The metrics of a server, with something to look up for each scrape. */
export function wholeMetrics() {
  const metrics = createMetrics({ version: '0.0.0' });
  metrics.lookUp({
    unsaved: () => 0,
    apiCalls: () => ({ under_way: 0, waiting_for_user: 0, waiting_for_connection: 0 }),
    requestsWaiting: () => 0,
    heldBytes: () => 0,
    ping: () => Promise.resolve(),
    revocations: () => Promise.resolve({ waiting: 0, active: 0, delayed: 0, failed: 0 }),
    grants: () => Promise.resolve([]),
  });
  return metrics;
}

export interface Known {
  readonly type: string;
  readonly labels: readonly string[];
}

/** What the registry holds, by name. */
export function registered(): Map<string, Known> {
  const all = wholeMetrics().registry.getMetricsAsArray() as unknown as {
    name: string;
    type: string;
    labelNames: string[];
  }[];
  return new Map(all.map(({ name, type, labelNames }) => [name, { type, labels: labelNames }]));
}

export interface Documented {
  readonly name: string;
  readonly type: string;
  /** With their values, where all of them are listed. */
  readonly labels: Map<string, readonly string[] | undefined>;
  readonly unit: string;
  readonly meaning: string;
}

/** The table in the README. */
export function documented(): Documented[] {
  const lines = read('README.md').split('\n');
  return lines.flatMap((line) => {
    const [, name = '', type = '', labels = '', unit = '', meaning = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    const plain = /^`((?:fullscript|http)_\w+)`$/.exec(name)?.[1];
    if (plain === undefined) return [];
    return [{ name: plain, type, labels: labelsOf(labels), unit, meaning }];
  });
}

function labelsOf(cell: string): Documented['labels'] {
  const parts = cell === '' ? [] : cell.split('; ');
  return new Map(
    parts.map((part) => {
      const [, label = '', list = ''] = /^`(\w+)`(?:: (.*))?$/.exec(part) ?? [];
      const values = list.split(', ');
      return [label, values.every((one) => /^[\w-]+$/.test(one)) ? values : undefined];
    }),
  );
}
