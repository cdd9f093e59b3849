import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../scripts/closing-line.mjs', import.meta.url));

/** A report like jest's: what the tests of each suite came to. */
function report(suites: readonly string[][]): string {
  const testResults = suites.map((statuses) => ({
    status: statuses.length > 0 && !statuses.includes('failed') ? 'passed' : 'failed',
    assertionResults: statuses.map((status) => ({ status })),
  }));
  return JSON.stringify({ testResults });
}

it('failed, skipped, a suite that could not start, what was missed beside the tests → all failed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fc-closing-'));
  const files = [
    report([['passed', 'failed'], [], ['passed', 'pending']]),
    report([['passed']]),
  ].map((text, index) => {
    const file = join(folder, `${index}.json`);
    writeFileSync(file, text);
    return file;
  });
  const said = execFileSync(process.execPath, [SCRIPT, '1', ...files], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect(said).toBe('3 passed, 4 failed\n');
});
