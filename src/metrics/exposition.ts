import type { Registry } from 'prom-client';

/** What a metric of prom-client tells its registry. */
interface Told {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
}

interface Sample {
  readonly value: number;
  /** Where it is not that of the metric: `_bucket`, `_sum` and `_count`. */
  readonly metricName?: string | undefined;
  readonly labels: Labels;
  /** What all samples of a histogram's child have in common. The object stays the same from scrape to scrape. */
  readonly sharedLabels?: Labels | undefined;
}

type Labels = Readonly<Record<string, string | number>>;

/** What stands ahead of the values of a metric, and of which objects it was written. */
interface Kept {
  readonly of: Labels[];
  readonly heads: string[];
}

/**
 * The text of a scrape. A registry of prom-client writes the name and all labels of each sample again each
 * time, which takes longer than everything else; from one scrape to the next only values change, so the rest is kept here.
 * Scrapes that come while one is made share it.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function createExposition(registry: Registry): () => Promise<string> {
  const kept = new WeakMap<object, Kept>();
  let running: Promise<string> | undefined;

  async function textOf(metric: Asked): Promise<string> {
    const told = (await (metric.getForPromString ?? metric.get).call(metric)) as Told;
    const keptOf = kept.get(metric) ?? { of: [], heads: [] };
    kept.set(metric, keptOf);
    return linesOf(told, keptOf).join('\n');
  }

  async function write(): Promise<string> {
    const metrics = registry.getMetricsAsArray() as unknown as Asked[];
    return `${(await Promise.all(metrics.map(textOf))).join('\n\n')}\n`;
  }

  return () =>
    (running ??= write().finally(() => {
      running = undefined;
    }));
}

/** How a registry asks its metrics; histograms have a form in which labels are not copied for each bucket. */
interface Asked {
  readonly get: () => Promise<unknown>;
  readonly getForPromString?: () => Promise<unknown>;
}

/** The samples of a metric come in the same order, unless the objects of their labels are others. */
function linesOf({ name, help, type, values }: Told, { of, heads }: Kept): string[] {
  const lines = values.map((sample, at) => {
    const labels = sample.sharedLabels ?? sample.labels;
    const known = of[at] === labels ? heads[at] : undefined;
    const head = known ?? headOf(sample, name);
    of[at] = labels;
    heads[at] = head;
    return `${head} ${valueText(sample.value)}`;
  });
  return [`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`, ...lines];
}

function headOf({ metricName, labels, sharedLabels }: Sample, name: string): string {
  const pairs = Object.entries({ ...labels, ...sharedLabels }).map(
    ([label, value]) => `${label}="${escaped(String(value)).replaceAll('"', '\\"')}"`,
  );
  return `${metricName ?? name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function valueText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
