import { describe, expect, it } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { navigationOf } from '../../src/http/navigation.js';
import { parseReturnTo } from '../../src/http/return-to.js';

const BASE_URL = 'https://portal.example.com';

describe('parseReturnTo', () => {
  it.each([
    '/',
    '/portal/patients?page=2&q=a%20b#row-3',
    '/portal?next=/a//b',
    '/caf%C3%A9',
    '/a/b/../c',
    `/${'x'.repeat(1023)}`,
  ])('%s → on our origin, where the browser would go', (path) => {
    const url = new URL(path, BASE_URL);
    expect(parseReturnTo(path, BASE_URL)).toBe(`${url.pathname}${url.search}${url.hash}`);
  });

  it('unicode → encoded, so that it fits into a header', () => {
    expect(parseReturnTo('/é\u2028?ü', BASE_URL)).toBe('/%C3%A9%E2%80%A8?%C3%BC');
  });

  it.each<[string, unknown]>([
    ['another host', '//evil.example'],
    ['another host by backslash', '/\\evil.example'],
    ['encoded slash', '/%2Fevil.example'],
    ['encoded twice', '/%252f%252fevil.example'],
    ['encoded backslash', '/%5cevil.example'],
    ['encoded backslash further in', '/portal%5c..%5cevil'],
    ['tab that browsers drop', '/\t/evil.example'],
    ['encoded tab', '/%09/evil.example'],
    ['up to two slashes', '/..//evil.example'],
    ['an encoded up to two slashes', '/portal/%2e%2e//evil.example'],
    ['absolute URL', 'https://evil.example/'],
    ['C1 control', '/portal\u0085'],
    ['no slash', 'portal'],
    ['nothing', ''],
    ['half an escape in the path', '/portal%'],
    ['too long', `/${'x'.repeat(1024)}`],
    ['array', ['/portal', '/portal']],
    ['object', { toString: () => '/portal' }],
    ['missing', undefined],
  ])('%s → nothing', (_what, value) => {
    expect(parseReturnTo(value, BASE_URL)).toBeUndefined();
  });
});

describe('navigationOf', () => {
  const app = express();
  app.get('/', (req, res) => res.send(navigationOf(req, BASE_URL)));

  it.each<[string, Record<string, string>, string]>([
    ['no metadata', {}, 'deliberate'],
    [
      'clicked here',
      { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'document' },
      'deliberate',
    ],
    ['cross-site, nothing else', { 'sec-fetch-site': 'cross-site' }, 'foreign'],
    ['image of ours', { 'sec-fetch-site': 'same-origin', 'sec-fetch-dest': 'image' }, 'embedded'],
    ['prefetch', { 'sec-fetch-dest': 'document', 'sec-purpose': 'prefetch' }, 'embedded'],
    ['prefetch of an older browser', { purpose: 'prefetch' }, 'embedded'],
    ['clicked here in an older browser', { referer: `${BASE_URL}/portal` }, 'deliberate'],
    ['the same, under another name', { host: 'a.test', referer: 'http://a.test/' }, 'deliberate'],
    ['clicked elsewhere in an older browser', { referer: 'https://evil.example/' }, 'foreign'],
    ['a referer that is no URL', { referer: '-' }, 'deliberate'],
    [
      'clicked here, and a referer that says otherwise',
      { 'sec-fetch-site': 'same-origin', referer: 'https://evil.example/' },
      'deliberate',
    ],
  ])('%s → as it was meant', async (_what, headers, expected) => {
    expect((await supertest(app).get('/').set(headers)).text).toBe(expected);
  });
});
