import { describe, expect, it } from '@jest/globals';
import type { Cost, Figure } from '../../bench/measure.js';
import { costChart, costTables, figureTable } from '../../bench/report.js';

const figure = (reached: boolean | undefined): Figure => ({
  ...{ name: 'a measure', wanted: '≤ 2', measured: '1.5', others: 'a peer 3', reached },
});

const cost = (changes: Partial<Cost>): Cost => ({
  scene: 'signed-in request',
  name: 'someone',
  kind: 'peer',
  cpuMicroseconds: 100,
  perSecond: 5_000,
  redis: undefined,
  rssBytes: 90e6,
  ...changes,
});

describe('figureTable', () => {
  it.each([
    [true, 'reached'],
    [false, 'MISSED'],
    [undefined, 'shown'],
  ])('a figure of which %s is known is %s', (reached, word) => {
    expect(figureTable([figure(reached)])).toMatch(new RegExp(`a peer 3 \\| ${word} +\\|`));
  });
});

describe('costTables', () => {
  it('has a table for each scene that was measured, the cheapest first', () => {
    const costs = [
      cost({ name: 'dear', cpuMicroseconds: 300 }),
      cost({ name: 'cheap', cpuMicroseconds: 200 }),
      cost({ name: 'other', scene: 'gateway call' }),
    ];
    const text = costTables(costs);
    expect(text.indexOf('cheap')).toBeLessThan(text.indexOf('dear'));
    expect(text.match(/CPU, µs/g)).toHaveLength(2);
    expect(costTables(costs.slice(0, 2)).match(/CPU, µs/g)).toHaveLength(1);
  });

  it('shows what each request asks of Redis, where there is one', () => {
    const redis = { commands: 2, writes: 0.01, roundTrips: 1, usual: [] };
    expect(costTables([cost({ redis })])).toMatch(/2\.00 +\| 0\.01 +\| 1\.00/);
    expect(costTables([cost({})])).toMatch(/– +\| – +\| –/);
  });
});

describe('costChart', () => {
  it('has the same values, in words too', () => {
    const { panels, description } = costChart([cost({ name: 'one', cpuMicroseconds: 123.4 })]);
    expect(panels).toHaveLength(1);
    expect(description).toContain('one 123 µs');
  });
});
