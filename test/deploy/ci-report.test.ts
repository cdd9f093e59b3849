import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../../scripts/ci-report.mjs', import.meta.url));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fc-ci-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A report like jest's: what the tests of each suite came to. */
function report(name: string, suites: Record<string, string[]>): string {
  const file = join(folder, name);
  const testResults = Object.entries(suites).map(([suite, statuses]) => ({
    name: suite,
    status: statuses.length > 0 && !statuses.includes('failed') ? 'passed' : 'failed',
    assertionResults: statuses.map((status) => ({ status })),
  }));
  writeFileSync(file, JSON.stringify({ testResults }));
  return file;
}

function say(...args: string[]): string {
  return execFileSync(process.execPath, [SCRIPT, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

describe('the suites that run again', () => {
  it('few failed, one of them could not start → they', () => {
    const suites = { a: ['passed'], b: ['passed', 'failed'], c: [] };
    expect(say('failed', report('few', suites))).toBe('b\nc\n');
  });

  it('many failed → none: that is not the machine', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const suites = Object.fromEntries(names.map((name) => [name, ['failed']]));
    expect(say('failed', report('many', suites))).toBe('');
  });
});

describe('the last line', () => {
  it('what failed at first and passed again counts as passed, what failed twice as failed', () => {
    const own = report('own', { a: ['passed'], b: ['passed', 'failed'], c: ['failed'] });
    say('replace', own, report('again', { b: ['passed', 'passed'], c: ['failed'] }));
    expect(say('closing', '0', own)).toBe('3 passed, 1 failed\n');
  });

  it('a suite that could not start, a test that did not run, a torture that missed → failed', () => {
    const own = report('own', { a: ['passed'], b: [], c: ['passed', 'pending'] });
    const other = report('other', { a: ['passed'] });
    expect(say('closing', '1', own, other)).toBe('3 passed, 3 failed\n');
  });

  it('a report that is not there → no line', () => {
    expect(() => say('closing', '0', join(folder, 'nowhere'))).toThrow();
  });
});
