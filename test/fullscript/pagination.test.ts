import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { id } from '../../src/fullscript/field.js';
import { pageOf, pageQuery } from '../../src/fullscript/pagination.js';
import { searchText } from '../../src/fullscript/search-text.js';

describe('pageQuery', () => {
  it('page and size → the documented parameters, brackets encoded', () => {
    expect(pageQuery({ page: 2, size: 20 })).toBe('page%5Bnumber%5D=2&page%5Bsize%5D=20');
  });

  it('other parameters → after them, encoded; undefined ones are left out', () => {
    const others = { query: 'é & b=c;d', available: undefined, order_by: 'DESC' };
    expect(pageQuery({ page: 1, size: 5 }, others)).toBe(
      'page%5Bnumber%5D=1&page%5Bsize%5D=5&query=%C3%A9+%26+b%3Dc%3Bd&order_by=DESC',
    );
  });

  it.each([
    [0, 0, 1, 1],
    [-3, -1, 1, 1],
    [NaN, NaN, 1, 1],
    [2.9, 10.9, 2, 10],
    [Infinity, 101, 1_000_000, 100],
    [1e300, Infinity, 1_000_000, 100],
    [-Infinity, -Infinity, 1, 1],
  ])('page %d, size %d → %d and %d', (...[page, size, number, most]) => {
    const expected = `page%5Bnumber%5D=${number}&page%5Bsize%5D=${most}`;
    expect(pageQuery({ page, size })).toBe(expected);
  });
});

describe('pageOf', () => {
  const reader = pageOf('things', z.object({ id }));
  const read = (answer: unknown) => reader.parse(answer);
  const things = [{ id: 'a' }];
  const onePage = { page: 1, previous: undefined, next: undefined, pages: 1, total: undefined };

  it('the documented meta → where the page is', () => {
    const meta = {
      ...{ current_page: 2, next_page: 3, prev_page: 1 },
      ...{ total_pages: 3, total_count: 41 },
    };
    expect(read({ things, meta, more: 1 })).toStrictEqual({
      items: things,
      ...{ page: 2, previous: 1, next: 3, pages: 3, total: 41 },
    });
  });

  it.each<[string, object]>([
    ['none', {}],
    ['null', { meta: null }],
    ['text', { meta: 'page 1' }],
    ['an empty list', { meta: [] }],
  ])('meta: %s → one page', (_what, rest) => {
    expect(read({ things, ...rest })).toStrictEqual({ items: things, ...onePage });
  });

  it.each<[string, object, object]>([
    ['an empty object', {}, { ...onePage, pages: undefined }],
    ['text numbers', { current_page: '2', next_page: '3' }, { page: 2, next: 3 }],
    ['no neighbours', { current_page: 1, next_page: null, prev_page: null }, onePage],
    [
      'nonsense',
      { current_page: -1, next_page: {}, total_count: 'many' },
      { page: 1, total: undefined },
    ],
    [
      'halves',
      { current_page: 1.5, next_page: 2.5, total_pages: 0.5 },
      { page: 1, next: undefined },
    ],
    ['next is this one', { current_page: 3, next_page: 3 }, { page: 3, next: undefined }],
    ['next is behind', { current_page: 3, next_page: 1 }, { page: 3, next: undefined }],
    ['previous is this one', { current_page: 3, prev_page: 3 }, { previous: undefined }],
    ['previous is zero', { current_page: 1, prev_page: 0 }, { previous: undefined }],
    ['beyond the end', { current_page: 9, prev_page: 8, total_pages: 3 }, { page: 9, previous: 3 }],
    [
      'nothing there',
      { current_page: 1, total_pages: 0, total_count: 0 },
      { pages: undefined, total: 0 },
    ],
  ])('meta: %s → what makes sense of it', (_what, meta, expected) => {
    const place = expected === onePage ? { ...onePage, pages: undefined } : expected;
    expect(read({ things, meta })).toMatchObject({ items: things, ...place });
  });

  it('entries that cannot be read → left out, the others stay in order', () => {
    const list = [{ id: 'a' }, null, 'b', {}, { id: '' }, { id: {} }, { id: 7 }, [], { id: 'c' }];
    expect(read({ things: list }).items).toEqual([{ id: 'a' }, { id: '7' }, { id: 'c' }]);
  });

  it.each<[string, unknown]>([
    ['another key', { other: things }],
    ['null', { things: null }],
    ['an object', { things: { id: 'a' } }],
    ['a bare list', things],
    ['null alone', null],
    ['text', 'things'],
  ])('no list: %s → refused', (_what, answer) => {
    expect(reader.safeParse(answer).success).toBe(false);
  });
});

describe('searchText', () => {
  it.each<[string | undefined, string | undefined]>([
    [undefined, undefined],
    ['', undefined],
    [' \t\n', undefined],
    ['  Ana Osei ', 'Ana Osei'],
    ['x'.repeat(101), 'x'.repeat(100)],
    [`${'x'.repeat(99)} y`, 'x'.repeat(99)],
    [`${'x'.repeat(99)}😀`, 'x'.repeat(99)],
    [`${'x'.repeat(98)}😀y`, `${'x'.repeat(98)}😀`],
  ])('%j → %j', (given, expected) => {
    expect(searchText(given)).toBe(expected);
  });

  it('anything → nothing, or at most 100 characters without space around them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 250 }), (given) => {
        const found = searchText(given);
        if (found === undefined) return;
        expect(found).toBe(found.trim());
        expect(found.length).toBeGreaterThan(0);
        expect(found.length).toBeLessThanOrEqual(100);
      }),
    );
  });
});
