import { type Bar, type Chart } from './chart.js';
import type { Cost, Figure, Scene } from './measure.js';
import { renderTable } from './table.js';

const SCENES: readonly Scene[] = ['signed-in request', 'gateway call'];

/** What was to be reached, and what was. */
export function figureTable(figures: readonly Figure[]): string {
  const verdict = ({ reached }: Figure) =>
    reached === undefined ? 'shown' : reached ? 'reached' : 'MISSED';
  const rows = figures.map((one) => [
    ...[one.name, one.wanted, one.measured, one.others, verdict(one)],
  ]);
  return renderTable(['measure', 'figure to reach', 'measured', 'others', 'result'], rows);
}

/** What a request costs with each of them: a table for each scene that was measured, the cheapest first. */
export function costTables(costs: readonly Cost[]): string {
  return SCENES.map((scene) => costsOf(costs, scene))
    .filter((rows) => rows.length > 0)
    .map(costTable)
    .join('\n');
}

function costTable(costs: readonly Cost[]): string {
  const header = [
    ...[costs[0]?.scene ?? '', 'CPU, µs', 'a second', 'Redis commands', 'writes', 'round trips'],
    'RSS, MB',
  ];
  const rows = costs.map(({ name, cpuMicroseconds, perSecond, redis, rssBytes }) => [
    name,
    cpuMicroseconds.toFixed(0),
    perSecond.toFixed(0),
    redis?.commands.toFixed(2) ?? '–',
    redis?.writes.toFixed(2) ?? '–',
    redis?.roundTrips.toFixed(2) ?? '–',
    (rssBytes / 1e6).toFixed(0),
  ]);
  return renderTable(header, rows);
}

function costsOf(costs: readonly Cost[], scene: Scene): Cost[] {
  return costs
    .filter((cost) => cost.scene === scene)
    .sort((one, other) => one.cpuMicroseconds - other.cpuMicroseconds);
}

/** CPU of each of them, for the chart. */
export function costChart(costs: readonly Cost[]): Chart {
  const barOf = ({ name, cpuMicroseconds: value, kind }: Cost): Bar => ({
    label: name,
    value,
    kind,
  });
  const panels = SCENES.map((scene) => ({ scene, bars: costsOf(costs, scene).map(barOf) }))
    .filter(({ bars }) => bars.length > 0)
    .map(({ scene, bars }) => ({ title: `${scene}: CPU of the server`, bars }));
  const described = panels.map(
    ({ title, bars }) =>
      `${title}: ${bars.map(({ label, value }) => `${label} ${value.toFixed(0)} µs`).join(', ')}.`,
  );
  return {
    title: 'CPU of the server for each request',
    description: `Shorter is better. ${described.join(' ')}`,
    unit: 'µs',
    panels,
  };
}
