import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const TESTS = fileURLToPath(new URL('..', import.meta.url));

/** A test that holds a statement, as its source has it. */
export interface NumberedTest {
  /** Two digits. */
  readonly number: string;
  readonly title: string;
  /** It, or a `describe` around it, does not run. */
  readonly skipped: boolean;
}

/** The number that the name of a test begins with. */
export function numberOf(title: string): string | undefined {
  return /^SR-(\d\d) /.exec(title)?.[1];
}

/** All test files, by absolute path. */
export function testFiles(folder = TESTS): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => `${folder}${path}`)
    .sort();
}

/** The test files that hold statements, wherever they are, and what lies beside them. */
export function numberedFiles(): string[] {
  const beside = [`${TESTS}security/`, `${TESTS}properties/`];
  return testFiles().filter((path) => {
    const isNear = beside.some((folder) => path.startsWith(folder));
    if (isNear) return true;
    const text = readFileSync(path, 'utf8');
    // Most files have no number at all, and need not be parsed to see that.
    return text.includes('SR-') && numberedTests(text).length > 0;
  });
}

/** The numbered tests in the text of a test file: `it('SR-08 …')`, `it.each(…)('SR-08 …')`. */
export function numberedTests(text: string): NumberedTest[] {
  // Most files hold none, and need not be parsed.
  if (!text.includes('SR-')) return [];
  const file = ts.createSourceFile('a.test.ts', text, ts.ScriptTarget.Latest, true);
  const found: NumberedTest[] = [];
  const walk = (node: ts.Node, skipped: boolean): void => {
    const call = ts.isCallExpression(node) ? testCall(node) : undefined;
    const off = skipped || call?.skipped === true;
    const number = numberOf(call?.title ?? '');
    if (call?.kind === 'test' && number !== undefined) {
      found.push({ number, title: call.title, skipped: off });
    }
    ts.forEachChild(node, (child) => walk(child, off));
  };
  walk(file, false);
  return found;
}

const KINDS: Record<string, 'test' | 'group'> = {
  ...{ it: 'test', test: 'test', fit: 'test', xit: 'test', xtest: 'test' },
  ...{ describe: 'group', fdescribe: 'group', xdescribe: 'group' },
};
const OFF = new Set(['xit', 'xtest', 'xdescribe', 'skip', 'todo', 'failing']);

/** What a call declares, where its first argument is a title. */
function testCall(node: ts.CallExpression) {
  const words = wordsOf(node.expression);
  const kind = KINDS[words[0] ?? ''];
  const [first] = node.arguments;
  if (kind === undefined || first === undefined) return undefined;
  return { kind, title: titleOf(first), skipped: words.some((word) => OFF.has(word)) };
}

/** `it.skip.each(rows)` as `it`, `skip`, `each`. */
function wordsOf(node: ts.Expression): string[] {
  if (ts.isIdentifier(node)) return [node.text];
  if (ts.isPropertyAccessExpression(node)) return [...wordsOf(node.expression), node.name.text];
  if (ts.isCallExpression(node)) return wordsOf(node.expression);
  return ts.isTaggedTemplateExpression(node) ? wordsOf(node.tag) : [];
}

/** The text a title begins with; what is filled in comes later. */
function titleOf(node: ts.Expression): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  return ts.isTemplateExpression(node) ? node.head.text : '';
}
