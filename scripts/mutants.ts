import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import ts from 'typescript';

// npm run mutants [-- --seed 1 --count 60 --only 7,12 --tests "test/grants"]
//
// Breaks the sources in one place at a time and runs the tests, in a copy of this folder: a change that no
// test notices is a promise that no test holds. The draw depends on the seed and on the sources alone.

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['grants', 'oauth', 'http'];
const JEST = ['--import', './test/jest/register.mjs', 'node_modules/jest/bin/jest.js'];
/** A mutant that sends the tests round in circles is noticed, too. */
const LIMIT_MS = 600_000;

interface Mutant {
  /** Below the root. */
  readonly file: string;
  readonly line: number;
  readonly from: number;
  readonly to: number;
  readonly was: string;
  readonly becomes: string;
}

const SWAPPED: Partial<Record<ts.SyntaxKind, string>> = {
  [ts.SyntaxKind.LessThanToken]: '<=',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.GreaterThanToken]: '>=',
  [ts.SyntaxKind.GreaterThanEqualsToken]: '>',
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: '!==',
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: '===',
  [ts.SyntaxKind.AmpersandAmpersandToken]: '||',
  [ts.SyntaxKind.BarBarToken]: '&&',
  [ts.SyntaxKind.PlusToken]: '-',
  [ts.SyntaxKind.MinusToken]: '+',
  [ts.SyntaxKind.AsteriskToken]: '/',
};

function mutantsOf(file: string): Mutant[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: Mutant[] = [];
  const note = (node: ts.Node, becomes: string): void => {
    const [from, to] = [node.getStart(source), node.getEnd()];
    const line = source.getLineAndCharacterOfPosition(from).line + 1;
    const was = text.slice(from, to);
    if (was !== becomes) found.push({ file, line, from, to, was, becomes });
  };
  const walk = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return;
    const condition = conditionOf(node);
    if (condition !== undefined) note(condition, `!(${condition.getText(source)})`);
    if (ts.isBinaryExpression(node)) {
      const swapped = SWAPPED[node.operatorToken.kind];
      if (swapped !== undefined) note(node.operatorToken, swapped);
    }
    if (ts.isExpressionStatement(node)) note(node, ';');
    if (ts.isReturnStatement(node) && node.expression !== undefined)
      note(node, 'return undefined;');
    if (node.kind === ts.SyntaxKind.TrueKeyword) note(node, 'false');
    if (node.kind === ts.SyntaxKind.FalseKeyword) note(node, 'true');
    ts.forEachChild(node, walk);
  };
  walk(source);
  return found;
}

function conditionOf(node: ts.Node): ts.Expression | undefined {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) return node.expression;
  return ts.isConditionalExpression(node) ? node.condition : undefined;
}

function draw(count: number, seed: number): Mutant[] {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, 'src', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join('src', folder, name)),
  );
  const all = files.sort().flatMap(mutantsOf);
  const random = randomFrom(seed);
  const drawn: Mutant[] = [];
  while (drawn.length < count && all.length > 0) {
    drawn.push(...all.splice(Math.floor(random() * all.length), 1));
  }
  return drawn;
}

/** The same numbers for the same seed, on every machine: a linear congruential generator. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function copyOfProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fc-mutants-'));
  const left = new Set(['node_modules', '.git', 'dist', '.data']);
  for (const name of readdirSync(ROOT).filter((name) => !left.has(name))) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** What the tests make of the project as it stands there; the first suite that fails is enough. */
function verdictIn(folder: string, tests: readonly string[]): string {
  const { status, signal, stderr } = spawnSync(process.execPath, [...JEST, '--bail', ...tests], {
    cwd: folder,
    encoding: 'utf8',
    timeout: LIMIT_MS,
  });
  if (signal !== null) return 'killed (no end)';
  const [, suite = '?'] = /^FAIL (\S+)/m.exec(stderr) ?? [];
  return status === 0 ? 'SURVIVED' : `killed by ${relative('test', suite)}`;
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '60' },
    only: { type: 'string' },
    tests: { type: 'string', default: '' },
  },
});
const mutants = draw(Number(values.count), Number(values.seed));
const only = values.only?.split(',').map(Number);
const tests = values.tests.split(' ').filter((one) => one !== '');
const folder = copyOfProject();
let survived = 0;
try {
  for (const [index, { file, line, from, to, was, becomes }] of mutants.entries()) {
    if (only !== undefined && !only.includes(index + 1)) continue;
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.slice(0, from) + becomes + text.slice(to));
    const verdict = verdictIn(folder, tests);
    writeFileSync(path, text);
    if (verdict === 'SURVIVED') survived += 1;
    const [before = ''] = was.split('\n');
    process.stdout.write(
      `${index + 1}. ${file}:${line} ${before} → ${becomes.split('\n')[0]}: ${verdict}\n`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(`${survived} survived\n`);
