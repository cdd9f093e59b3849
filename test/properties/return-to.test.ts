import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseReturnTo } from '../../src/http/return-to.js';
import { nastyText, readingsOf } from '../support/nasty-text.js';

const BASES = ['https://portal.example.com', 'http://localhost:3000', 'http://127.0.0.1:8080'];

const base = fc.constantFrom(...BASES);
const segment = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);
const RUNS = { numRuns: 1_500 };

describe('SR-16', () => {
  it('SR-16 any text as returnTo → nothing, or a path of our origin however often it is decoded', () => {
    fc.assert(
      fc.property(nastyText(), base, (text, baseUrl) => {
        const path = parseReturnTo(text, baseUrl);
        if (path === undefined) return;
        expect(new URL(path, baseUrl).origin).toBe(baseUrl);
        for (const reading of readingsOf(path)) {
          expect({ reading, origin: new URL(reading, baseUrl).origin }).toEqual({
            reading,
            origin: baseUrl,
          });
        }
      }),
      RUNS,
    );
  });

  it('SR-16 any text as returnTo → what is accepted fits into a Location header, byte for byte', () => {
    fc.assert(
      fc.property(nastyText(), base, (text, baseUrl) => {
        expect(parseReturnTo(text, baseUrl) ?? '/').toMatch(/^\/[\x21-\x7e]*$/);
      }),
      RUNS,
    );
  });

  it('SR-16 what was accepted → is accepted again, unchanged', () => {
    fc.assert(
      fc.property(nastyText(), base, (text, baseUrl) => {
        const path = parseReturnTo(text, baseUrl);
        if (path !== undefined) expect(parseReturnTo(path, baseUrl)).toBe(path);
      }),
      RUNS,
    );
  });

  it('SR-16 what is no text → nothing', () => {
    const anything = fc.anything().filter((value) => typeof value !== 'string');
    const arrays = fc.array(fc.constantFrom('/portal', '//evil.example'));
    fc.assert(
      fc.property(fc.oneof(anything, arrays), base, (value, baseUrl) => {
        expect(parseReturnTo(value, baseUrl)).toBeUndefined();
      }),
    );
  });

  it('SR-16 a plain path of ours, with its query → that path', () => {
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 5 }),
        fc.array(fc.tuple(segment, segment), { maxLength: 3 }),
        base,
        (segments, pairs, baseUrl) => {
          const query = pairs.map((pair) => pair.join('=')).join('&');
          const path = `/${segments.join('/')}${query === '' ? '' : `?${query}`}`;
          expect(parseReturnTo(path, baseUrl)).toBe(path);
        },
      ),
    );
  });
});
