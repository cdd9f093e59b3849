import { describe, expect, it } from '@jest/globals';
import { type Bar, renderChart } from '../../bench/chart.js';

const chart = (bars: readonly Bar[]) =>
  renderChart({
    title: 'CPU & time',
    description: 'Shorter is better.',
    unit: 'µs',
    panels: [{ title: 'a request', bars }],
  });

const widths = (svg: string) =>
  [...svg.matchAll(/<rect [^>]*width="(\d+)"/g)].map((m) => Number(m[1]));

describe('renderChart', () => {
  it('draws bars in proportion', () => {
    const [one = 0, other = 0] = widths(
      chart([
        { label: 'one', value: 140, kind: 'ours' },
        { label: 'other', value: 100, kind: 'peer' },
      ]),
    );
    expect(one / other).toBeCloseTo(1.4, 1);
  });

  it('cuts a bar that would leave nothing to see of the others', () => {
    const svg = chart([
      { label: 'one', value: 100, kind: 'ours' },
      { label: 'other', value: 5_000, kind: 'peer' },
    ]);
    expect(widths(svg)).toHaveLength(3);
    expect(widths(svg)[0]).toBeGreaterThan(250);
    expect(svg).toContain('>5000 µs<');
  });

  it('says in words what it shows, and each value', () => {
    const svg = chart([{ label: 'one <b>', value: 99.6, kind: 'floor' }]);
    expect(svg).toContain('<title id="title">CPU &amp; time</title>');
    expect(svg).toContain('<desc id="description">Shorter is better.</desc>');
    expect(svg).toContain('one &lt;b&gt;');
    expect(svg).toContain('>100 µs<');
  });

  it('follows the scheme of the reader, and loads nothing', () => {
    const svg = chart([]);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|@import/);
  });

  it('is as high as its panels', () => {
    const bars: Bar[] = Array.from({ length: 4 }, () => ({ label: 'x', value: 1, kind: 'peer' }));
    const height = (svg: string) => Number(/viewBox="0 0 \d+ (\d+)"/.exec(svg)?.[1]);
    expect(height(chart(bars)) - height(chart(bars.slice(1)))).toBe(26);
  });
});
