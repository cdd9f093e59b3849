import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const SCRIPT = fileURLToPath(new URL('../scripts/ensure-built.mjs', import.meta.url));
const PROGRAMS = ['dist/main.js', 'dist/cli/main.js', 'dist/simulator/main.js'];

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fc-built-'));
  const scripts = { build: 'echo built' };
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'x', scripts }));
  put('src/main.ts', 1_000);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A file, and the folders that lead to it, changed so many seconds after 1970. */
function put(path: string, at: number): void {
  mkdirSync(join(root, dirname(path)), { recursive: true });
  writeFileSync(join(root, path), '');
  for (const one of [path, dirname(path)]) utimesSync(join(root, one), at, at);
}

function run(...args: string[]) {
  const options = { cwd: root, encoding: 'utf8' } as const;
  const { stdout, stderr, status } = spawnSync(process.execPath, [SCRIPT, ...args], options);
  return { isBuilt: stdout.includes('built'), said: stderr, status };
}

describe('scripts/ensure-built.mjs', () => {
  it.each([[[]], [['--fresh']]])('%j, nothing is built → builds', (args) => {
    expect(run(...args)).toEqual({ isBuilt: true, said: '', status: 0 });
  });

  it.each([[[]], [['--fresh']]])('%j, built after the last change → does nothing', (args) => {
    for (const path of PROGRAMS) put(path, 2_000);
    expect(run(...args)).toEqual({ isBuilt: false, said: '', status: 0 });
  });

  it('a source is newer → a server is built anew; beside one that may run it is said', () => {
    for (const path of PROGRAMS) put(path, 2_000);
    put('src/deep/new.ts', 3_000);
    expect(run()).toMatchObject({ isBuilt: false, said: expect.stringContaining('npm run build') });
    expect(run('--fresh')).toMatchObject({ isBuilt: true });
  });

  it('one of the programs is missing → builds', () => {
    for (const path of PROGRAMS.slice(1)) put(path, 2_000);
    expect(run()).toMatchObject({ isBuilt: true });
  });

  it('the build fails → so does the script', () => {
    const scripts = { build: 'exit 3' };
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'x', scripts }));
    expect(run().status).not.toBe(0);
  });
});
