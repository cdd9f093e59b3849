import { describe, expect, it } from '@jest/globals';
import { type Run, statementReport } from '../../scripts/statement-report.js';

const STATEMENTS = { '01': 'one', '02': 'two' };
const outcome = (title: string, status = 'passed') => ({ title, status, file: 'a.test.ts' });
const run = (parts: Partial<Run>): Run => ({
  ...{ outcomes: [outcome('SR-01 a'), outcome('SR-02 a'), outcome('SR-02 b')], broken: [] },
  ...{ exitCode: 0, lastWords: '' },
  ...parts,
});

describe('statementReport', () => {
  it('all tests pass → a line each, the count, and it holds', () => {
    expect(statementReport(STATEMENTS, run({}))).toEqual({
      lines: [
        ...['SR-01 pass  one  (1 test)', 'SR-02 pass  two  (2 tests)'],
        ...['', '2 of 2 statements hold'],
      ],
      holds: true,
    });
  });

  it('one test of several fails → its statement fails, the test is named', () => {
    const outcomes = [outcome('SR-01 a'), outcome('SR-02 a'), outcome('SR-02 b', 'failed')];
    const { lines, holds } = statementReport(STATEMENTS, run({ outcomes, exitCode: 1 }));
    expect(holds).toBe(false);
    expect(lines).toContain('SR-02 fail  two  (2 tests)');
    expect(lines).toContain('failed: SR-02 b (a.test.ts)');
    expect(lines.at(-1)).toBe('1 of 2 statements hold');
  });

  it('the only test of a statement is skipped → none, and it does not hold', () => {
    const outcomes = [outcome('SR-01 a'), outcome('SR-02 a', 'pending')];
    const { lines, holds } = statementReport(STATEMENTS, run({ outcomes }));
    expect(holds).toBe(false);
    expect(lines).toContain('SR-02 none  two  (0 tests)');
  });

  it('a test without a number fails → the statements hold, the run does not', () => {
    const outcomes = [...run({}).outcomes, outcome('something else', 'failed')];
    const { lines, holds } = statementReport(STATEMENTS, run({ outcomes, exitCode: 1 }));
    expect(holds).toBe(false);
    expect(lines).toContain('failed: something else (a.test.ts)');
    expect(lines.at(-1)).toBe('2 of 2 statements hold, but the run failed');
  });

  it('a file that cannot be run → named, and it does not hold', () => {
    const { lines, holds } = statementReport(STATEMENTS, run({ broken: ['b.test.ts: oh'] }));
    expect(holds).toBe(false);
    expect(lines).toContain('could not run: b.test.ts: oh');
  });

  it('jest ends with an error although every test passed → it does not hold, and the reason is there', () => {
    const failed = run({ exitCode: 1, lastWords: '\n\nError: a leak was found\n' });
    const { lines, holds } = statementReport(STATEMENTS, failed);
    expect(holds).toBe(false);
    expect(lines).toContain('the run ended with code 1 although no test failed');
    expect(lines).toContain('Error: a leak was found');
  });

  it('SR-1 or SR-011 → counted for nothing', () => {
    const outcomes = [
      outcome('SR-1 a'),
      outcome('SR-011 a'),
      outcome('about SR-01 a'),
      outcome('SR-02 a'),
    ];
    const { lines } = statementReport(STATEMENTS, run({ outcomes }));
    expect(lines[0]).toBe('SR-01 none  one  (0 tests)');
  });
});
