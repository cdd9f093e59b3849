import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STATEMENTS } from '../test/security/statements.js';
import { numberedFiles } from '../test/support/numbered-tests.js';
import { type Outcome, type Run, statementReport } from './statement-report.js';

// Runs every test file that holds a numbered statement, and reports statement by statement on standard
// output; what jest says goes to standard error. Arguments are passed on to jest.

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const JEST = join(ROOT, 'node_modules/jest/bin/jest.js');
const REPORTER = join(ROOT, 'scripts/outcome-reporter.mjs');
const NODE = ['--import', './test/jest/register.mjs'];
/** Some of the tests need what `npm run test:all` starts: Chromium, processes, the leak scan. */
const CONFIG = ['--config', 'jest.all.config.js'];
/** With this jest begins its last line; what follows is said by what comes after the tests. */
const SUMMARY_ENDS = 'Ran all test suites';

async function runTests(files: readonly string[], args: readonly string[]): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'fc-outcomes-'));
  const file = join(folder, 'outcomes.json');
  try {
    const reporters = ['--reporters', 'default', '--reporters', REPORTER];
    const jest = [...NODE, JEST, ...CONFIG, ...args, ...reporters, '--runTestsByPath', ...files];
    const env = { ...process.env, OUTCOMES_FILE: file };
    const child = spawn(process.execPath, jest, { cwd: ROOT, env, stdio: ['ignore', 2, 'pipe'] });
    const said: string[] = [];
    child.stderr?.on('data', (chunk: Buffer) => {
      process.stderr.write(chunk);
      said.push(chunk.toString());
    });
    const [code] = (await once(child, 'close')) as [number | null];
    const [, afterwards = ''] = said.join('').split(new RegExp(`${SUMMARY_ENDS}.*`));
    return { ...(await outcomesIn(file)), exitCode: code ?? 1, lastWords: afterwards };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function outcomesIn(file: string): Promise<{ outcomes: Outcome[]; broken: string[] }> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return { outcomes: [], broken: ['jest: it wrote no results'] };
  return JSON.parse(text) as { outcomes: Outcome[]; broken: string[] };
}

const run = await runTests(numberedFiles(), process.argv.slice(2));
const { lines, holds } = statementReport(STATEMENTS, run);
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = holds ? 0 : 1;
