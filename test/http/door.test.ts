import { describe, expect, it } from '@jest/globals';
import { isRequestTarget } from '../../src/http/door.js';

describe('isRequestTarget', () => {
  it.each(['/', '/portal?x=1', '//x/y', '/[', '/%E0%A4%A', 'http://x/portal', 'HTTPS://x'])(
    '%s → yes',
    (target) => {
      expect(isRequestTarget(target)).toBe(true);
    },
  );

  it.each([
    ...['http://[/portal', 'http://u:p@x:99999/', 'http://', 'https://x y/', 'http:/portal'],
    ...['*', '', 'portal', '?x', 'ftp://x/', 'javascript:alert(1)', 'data:,x', 'x:443'],
  ])('%s → no', (target) => {
    expect(isRequestTarget(target)).toBe(false);
  });
});
