import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { numberedTests, testFiles } from '../support/numbered-tests.js';
import { STATEMENTS } from './statements.js';

const found = testFiles().flatMap((path) => {
  const file = relative(process.cwd(), path);
  return numberedTests(readFileSync(path, 'utf8')).map((test) => ({ ...test, file }));
});
/** The numbers that a test holds which runs. */
const held = (tests: typeof found) =>
  new Set(tests.filter(({ skipped }) => !skipped).map(({ number }) => number));

describe('the list of statements', () => {
  it('counts from 01 to 58, each in one short line of its own', () => {
    const numbers = Array.from({ length: 58 }, (_, i) => String(i + 1).padStart(2, '0'));
    expect(Object.keys(STATEMENTS).sort()).toEqual(numbers);
    const titles = Object.values(STATEMENTS);
    expect(new Set(titles).size).toBe(58);
    expect(titles.filter((title) => title.length > 90 || title.length < 20)).toEqual([]);
  });

  it.each(Object.entries(STATEMENTS))('%s: %s → a test that runs begins with it', (number) => {
    expect(held(found)).toContain(number);
  });

  it('tests with a number → none is skipped, and none has a number that means nothing', () => {
    expect(found.filter(({ skipped }) => skipped)).toEqual([]);
    expect(found.filter(({ number }) => !(number in STATEMENTS))).toEqual([]);
  });

  it('a statement without a test → would be noticed', () => {
    const without = held(found.filter(({ number }) => number !== '08'));
    expect(held(found)).toContain('08');
    expect(without).not.toContain('08');
  });
});

describe('numberedTests', () => {
  it.each<[string, string, boolean]>([
    ['a test', "it('SR-08 a → b', () => {})", false],
    ['a test by its other name', "test('SR-08 a → b', () => {})", false],
    ['a table', "it.each([[1]])('SR-08 %i → b', () => {})", false],
    ['a table in a template', "it.each`a\n${1}`('SR-08 $a → b', () => {})", false],
    ['a title that is filled in', 'it(`SR-08 ${x} → b`, () => {})', false],
    ['a test in a table of groups', "describe.each([1])('%i', () => { it('SR-08 a', f) })", false],
    ['a skipped test', "it.skip('SR-08 a → b', () => {})", true],
    ['a skipped table', "it.skip.each([1])('SR-08 a → b', () => {})", true],
    ['a test that is to be written', "it.todo('SR-08 a → b')", true],
    ['a test that is meant to fail', "it.failing('SR-08 a → b', () => {})", true],
    ['a test crossed out', "xit('SR-08 a → b', () => {})", true],
    ['a test in a skipped group', "describe.skip('x', () => { it('SR-08 a → b', f) })", true],
    ['a test in a group crossed out', "xdescribe('x', () => { it('SR-08 a → b', f) })", true],
  ])('%s → counted, as one that runs or not', (_what, text, skipped) => {
    expect(numberedTests(text)).toMatchObject([{ number: '08', skipped }]);
  });

  it.each([
    ['the name of a group', "describe('SR-08 a', () => {})"],
    ['a number further in', "it('a, see SR-08 b', () => {})"],
    ['a number and nothing else', "it('SR-08', () => {})"],
    ['one digit', "it('SR-8 a → b', () => {})"],
    ['three digits', "it('SR-080 a → b', () => {})"],
    ['a comment', "// it('SR-08 a → b', () => {})"],
    ['a string', 'const a = "it(\'SR-08 a → b\')"'],
    ['another function', "expect('SR-08 a → b')"],
  ])('%s → does not count', (_what, text) => {
    expect(numberedTests(text)).toEqual([]);
  });
});
