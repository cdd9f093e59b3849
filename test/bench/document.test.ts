import { describe, expect, it } from '@jest/globals';
import { withResults } from '../../bench/document.js';

const DOCUMENT = 'before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n';

describe('withResults', () => {
  it('replaces what is between the marks, and nothing else', () => {
    expect(withResults(DOCUMENT, 'new\n')).toBe(
      'before\n<!-- results -->\n\nnew\n\n<!-- end of results -->\nafter\n',
    );
  });

  it('can be done again', () => {
    const once = withResults(DOCUMENT, 'new');
    expect(withResults(once, 'new')).toBe(once);
  });

  it('says so when there is no place for them', () => {
    expect(() => withResults('text', 'new')).toThrow('no place');
  });
});
