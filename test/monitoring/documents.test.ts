import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { FullscriptApiErrorCode } from '../../src/fullscript/errors.js';
import { ERROR_TABLE } from '../../src/http/error-table.js';
import { alerts, documented, read, registered, wholeMetrics } from '../support/monitoring.js';

/** Of the process itself, and listed as a group. */
const GROUPS = /^(nodejs|process)_/;
/** Put on by Prometheus, or by prom-client on buckets. */
const EVERYWHERE = ['job', 'instance', 'le', 'version', 'node'];

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { uid: string };
  readonly gridPos: { h: number; w: number; x: number; y: number };
  readonly fieldConfig?: { defaults: { unit?: string } };
  readonly targets?: readonly { expr: string; datasource: { uid: string } }[];
}

const dashboard = JSON.parse(read('grafana-dashboard.json')) as {
  templating: { list: { name: string; type: string }[] };
  panels: Panel[];
};
const charts = dashboard.panels.filter(({ type }) => type !== 'row');
const alertRules = alerts();
const metrics = registered();
const table = documented();

/** Uses of metrics in an expression: name and matchers. `ALERTS` and `up` are Prometheus's own. */
function usesIn(expr: string) {
  const uses = expr.matchAll(/\b((?:fullscript|http|nodejs|process)_\w+)\b(?:\{([^}]*)\})?/g);
  return [...uses].map(([, name = '', matchers = '']) => ({
    name: metrics.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ''),
    matchers: [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)].map(
      ([, label = '', values = '']) => ({ label, values: values.split('|') }),
    ),
  }));
}

/** What is wrong with an expression, in words; empty when nothing is. */
function wrongIn(expr: string): string[] {
  const uses = usesIn(expr);
  const labels = new Set([...EVERYWHERE, ...uses.flatMap(labelsOf)]);
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(', '),
  );
  return [
    ...uses.filter(({ name }) => !metrics.has(name)).map(({ name }) => `no metric ${name}`),
    ...uses.flatMap(wrongMatchers),
    ...grouped.filter((label) => !labels.has(label)).map((label) => `no label ${label}`),
  ];
}

function labelsOf({ name }: { name: string }): readonly string[] {
  return metrics.get(name)?.labels ?? [];
}

function wrongMatchers({ name, matchers }: ReturnType<typeof usesIn>[number]): string[] {
  return matchers.flatMap(({ label, values }) => {
    if (EVERYWHERE.includes(label)) return [];
    if (!labelsOf({ name }).includes(label)) return [`${name} has no label ${label}`];
    const known = valuesOf(name, label);
    return values.filter((one) => known?.includes(one) === false).map((one) => `${label}=${one}`);
  });
}

/** Undefined where they are not listed one by one. */
function valuesOf(name: string, label: string): readonly string[] | undefined {
  if (name === 'fullscript_sign_ins_total') return ['success', ...Object.keys(ERROR_TABLE)];
  if (label === 'status' && name.startsWith('http_')) return ['2..', '3..', '4..', '5..'];
  return table.find((row) => row.name === name)?.labels.get(label);
}

describe('the table of metrics', () => {
  it('lists the metrics of the registry with type and labels, and no others', () => {
    const ours = [...metrics].filter(([name]) => !GROUPS.test(name));
    const expected = ours.map(([name, { type, labels }]) => `${name} ${type} ${labels.join()}`);
    const listed = table.map(
      ({ name, type, labels }) => `${name} ${type} ${[...labels.keys()].join()}`,
    );
    expect(listed.toSorted()).toEqual(expected.toSorted());
  });

  it('says of each what it means, and in which unit', () => {
    expect(table.filter(({ unit, meaning }) => unit === '' || meaning === '')).toEqual([]);
  });

  it('lists the values that labels take', async () => {
    const whole = wholeMetrics();
    for (const place of ['store', 'unconfirmed', 'journal', 'memory'] as const) {
      whole.refreshes.pairSafe(1, place);
    }
    for (const result of ['success', 'access_denied']) whole.signIn(result, 1);
    callEverything(whole.api);
    const json = await whole.registry.getMetricsAsJSON();
    const unlisted = table.flatMap(({ name, labels }) => {
      const values = json.find((one) => one.name === name)?.values ?? [];
      return [...labels].flatMap(([label, listed]) => {
        const taken = values.flatMap((one) => (one.labels as Record<string, string>)[label] ?? []);
        // Other values may not have come up yet; those that have must be listed.
        const others = taken.filter((value) => listed?.includes(value) === false);
        return others.map((value) => `${name}: ${label}=${value}`);
      });
    });
    expect(unlisted).toEqual([]);
  });
});

function callEverything(api: ReturnType<typeof wholeMetrics>['api']): void {
  const row = table.find(({ name }) => name === 'fullscript_api_requests_total');
  const none: FullscriptApiErrorCode[] = ['fullscript_timeout', 'fullscript_unreachable'];
  for (const method of row?.labels.get('method') ?? []) {
    for (const outcome of [200, 302, 400, 401, 403, 404, 429, 500, ...none]) {
      api.called({ method, outcome, tookMs: 1 });
    }
  }
}

describe('alerts', () => {
  it('→ metrics and labels that exist', () => {
    expect(
      wrongOnes(
        alertRules,
        ({ alert }) => alert,
        ({ expr }) => wrongIn(expr),
      ),
    ).toEqual([]);
  });

  it('→ say what is wrong, what to do and where to read on', () => {
    const parts = ['summary', 'description', 'action', 'runbook'];
    const incomplete = alertRules.filter(({ labels, annotations, ...rule }) => {
      const isWhole = Object.keys(annotations).join() === parts.join();
      const isKnown = ['critical', 'warning'].includes(labels['severity'] ?? '');
      return !isWhole || !isKnown || !/^\d+m$/.test(rule.for) || !leadsOn(annotations['runbook']);
    });
    expect(incomplete).toEqual([]);
  });

  it('each of them is raised by a trouble in alerts.test.yml', () => {
    const raised = [...read('alerts.test.yml').matchAll(/alertname="(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect([...new Set(raised)].toSorted()).toEqual(alertRules.map((one) => one.alert).toSorted());
  });

  it('a metric or label that is not there → is noticed', () => {
    expect(wrongIn('sum by (colour) (fullscript_store_up{shape="round"})')).toEqual([
      'fullscript_store_up has no label shape',
      'no label colour',
    ]);
    expect(wrongIn('fullscript_store_errors_total{reason=~"disk|mood"}')).toEqual(['reason=mood']);
    expect(wrongIn('fullscript_nothing_bucket')).toEqual(['no metric fullscript_nothing']);
  });
});

function wrongOnes<One>(
  all: readonly One[],
  nameOf: (one: One) => string,
  wrong: (one: One) => readonly string[],
): string[] {
  return all.flatMap((one) => wrong(one).map((what) => `${nameOf(one)}: ${what}`));
}

/** Whether the document of a runbook has the heading. */
function leadsOn(runbook = ''): boolean {
  const [file = '', anchor = ''] = runbook.split('#');
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slug(heading));
  return headings.includes(anchor);
}

/** As GitHub makes them. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-');
}

function wrongInChart({ targets = [] }: Panel): string[] {
  return targets.length === 0 ? ['shows nothing'] : targets.flatMap(({ expr }) => wrongIn(expr));
}

function cellsOf({ gridPos: { x, y, w, h } }: Panel): string[] {
  return Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`);
}

describe('the dashboard', () => {
  it('charts → metrics and labels that exist', () => {
    const wrong = wrongOnes(charts, ({ title }) => title, wrongInChart);
    expect(wrong).toEqual([]);
  });

  it('charts → have description, unit and data source', () => {
    const incomplete = charts.filter((panel) => {
      const sources = [panel, ...(panel.targets ?? [])].map(({ datasource }) => datasource?.uid);
      const isBound = sources.every((uid) => uid === '${datasource}');
      const hasUnit = /^\w+$/.test(panel.fieldConfig?.defaults.unit ?? '');
      return !isBound || !hasUnit || panel.description?.endsWith('.') !== true;
    });
    expect(incomplete).toEqual([]);
  });

  it('rates → over an interval that fits the scrapes, never a fixed one', () => {
    const ranges = charts.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => [...expr.matchAll(/\[([^\]]*)\]/g)].map(([, range]) => range)),
    );
    expect(new Set(ranges)).toEqual(new Set(['$__rate_interval', '$__range']));
  });

  it('what every process reports the same → the largest, not the sum', () => {
    const shared = /fullscript_(grants|revocations_queued)\b/;
    const expressions = charts.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const about = expressions.filter((expr) => shared.test(expr));
    expect(about).toHaveLength(2);
    expect(about.filter((expr) => !expr.startsWith('max by ('))).toEqual([]);
  });

  it('ids and titles → each once', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    const titles = dashboard.panels.map(({ title }) => title);
    expect([new Set(ids).size, new Set(titles).size]).toEqual([ids.length, titles.length]);
  });

  it('panels → within 24 columns, and no two on one place', () => {
    const wide = dashboard.panels.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24);
    const cells = dashboard.panels.flatMap(cellsOf);
    expect(wide).toEqual([]);
    expect(cells.filter((cell, at) => cells.indexOf(cell) !== at)).toEqual([]);
  });

  it('has its rows, and asks which Prometheus and which servers', () => {
    const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows).toEqual(['Sign-ins', 'Tokens', 'Redis', 'Gateway', 'Process']);
    const variables = dashboard.templating.list.map(({ name, type }) => `${name}: ${type}`);
    expect(variables).toEqual(['datasource: datasource', 'instance: query']);
  });

  it('every metric of ours → shown somewhere', () => {
    const shown = new Set(
      charts.flatMap(({ targets = [] }) =>
        targets.flatMap(({ expr }) => usesIn(expr).map(({ name }) => name)),
      ),
    );
    expect(table.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([]);
  });
});
