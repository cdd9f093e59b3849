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

  it('each of them → a test that runs begins with it', () => {
    expect([...held(found)].sort()).toEqual(Object.keys(STATEMENTS).sort());
  });

  it('tests with a number → none is skipped', () => {
    expect(found.filter(({ skipped }) => skipped)).toEqual([]);
  });
});

describe('numberedTests', () => {
  it('tests, tables and titles that are filled in → counted; skipped ones as such; nothing else', () => {
    const counted = [
      "it('SR-08 a → b', () => {})",
      "it.each([[1]])('SR-08 %i → b', () => {})",
      'it(`SR-08 ${x} → b`, () => {})',
      "describe.each([1])('%i', () => { test('SR-08 a', f) })",
    ];
    const skipped = [
      "it.skip.each([1])('SR-08 a → b', () => {})",
      "it.todo('SR-08 a → b')",
      "xit('SR-08 a → b', () => {})",
      "describe.skip('x', () => { it('SR-08 a → b', f) })",
    ];
    const others = [
      "describe('SR-08 a', () => {})",
      "it('a, see SR-08 b', () => {})",
      "it('SR-080 a → b', () => {})",
      "// it('SR-08 a → b', () => {})",
    ];
    const foundIn = (texts: string[]) => texts.flatMap(numberedTests);
    expect(foundIn(counted)).toMatchObject(counted.map(() => ({ number: '08', skipped: false })));
    expect(foundIn(skipped)).toMatchObject(skipped.map(() => ({ number: '08', skipped: true })));
    expect(foundIn(others)).toEqual([]);
  });
});
