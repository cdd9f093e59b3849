import { describe, expect, it } from '@jest/globals';
import { renderTable } from '../../bench/table.js';

describe('renderTable', () => {
  it('pads its columns to the widest cell', () => {
    const table = renderTable(
      ['name', 'µs'],
      [
        ['one', '1'],
        ['another', '22'],
      ],
    );
    expect(table).toBe('| name    | µs |\n|---------|----|\n| one     | 1  |\n| another | 22 |\n');
  });

  it('keeps a cell one cell', () => {
    expect(renderTable(['a'], [['x | y\nz']])).toContain('| x \\| y z |');
  });

  it('leaves missing cells empty', () => {
    expect(renderTable(['a', 'b'], [['1']])).toContain('| 1 |   |');
  });
});
