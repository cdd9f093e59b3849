import { describe, expect, it } from '@jest/globals';
import Bowser from 'bowser';
import express from 'express';
import supertest from 'supertest';
import { deviceLabel } from '../../src/http/device-label.js';
import { plainAddress, visitorOf } from '../../src/http/visitor.js';

const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)';
const SAFARI = 'AppleWebKit/605.1.15 (KHTML, like Gecko)';

describe('deviceLabel', () => {
  it.each([
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/126.0 Safari/537.36`,
      'Chrome on Windows',
    ],
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/126.0 Safari/537.36 Edg/126.0`,
      'Microsoft Edge on Windows',
    ],
    [
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${SAFARI} Version/17.5 Safari/605.1.15`,
      'Safari on macOS',
    ],
    [
      `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) ${SAFARI} Version/17.5 Mobile/15E148 Safari/604.1`,
      'Safari on iPhone',
    ],
    [
      `Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) ${SAFARI} Version/17.5 Mobile/15E148 Safari/604.1`,
      'Safari on iPad',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0', 'Firefox on Linux'],
    [
      `Mozilla/5.0 (Linux; Android 14; SM-S921B) ${WEBKIT} SamsungBrowser/25.0 Chrome/121.0 Mobile Safari/537.36`,
      'Samsung Internet for Android',
    ],
  ])('%s → %s', (header, label) => {
    expect(deviceLabel(header)).toBe(label);
  });

  it.each([
    undefined,
    '',
    '   ',
    'node',
    'curl/8.5.0',
    'Ada/1.0 (her own machine)',
    '\u0000',
    '((((',
  ])('%j → unknown, and nothing of it is repeated', (header) => {
    expect(deviceLabel(header)).toBe('Unknown browser');
  });

  it('whatever the header holds → short, of listed names only, and soon', () => {
    const names = [...Object.values(Bowser.BROWSER_MAP), ...Object.values(Bowser.OS_MAP)];
    const longest = Math.max(...names.map(({ length }) => length));
    const parts = [
      '<script>',
      'Chrome/',
      '(',
      ' ',
      'Windows ',
      'iPhone',
      '/',
      'version/1',
      'Mac OS X',
    ];
    const before = process.cpuUsage();
    for (const part of parts) {
      for (const tail of ['', ' Chrome/1', ' x/1.0 (Windows NT 10.0)']) {
        const label = deviceLabel(part.repeat(20_000 / part.length) + tail);
        expect(label.length).toBeLessThanOrEqual(2 * longest + 4);
        expect(label).not.toContain('script');
      }
    }
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
  });
});

describe('plainAddress', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::FFFF:203.0.113.9', '203.0.113.9'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:cb00:7109', '::ffff:cb00:7109'],
    ['unknown', undefined],
    ['203.0.113.9, <b>', undefined],
    [`fe80::1%${'x'.repeat(60)}`, undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s → %s', (ip, shown) => {
    expect(plainAddress(ip)).toBe(shown);
  });
});

describe('visitorOf', () => {
  async function seen(trustProxy: number | boolean, forwarded: string) {
    const app = express();
    app.set('trust proxy', trustProxy);
    app.get('/', (req, res) => void res.json(visitorOf(req)));
    const headers = { 'x-forwarded-for': forwarded, 'user-agent': 'Firefox/127.0' };
    return (await supertest(app).get('/').set(headers)).body as unknown;
  }

  it('a proxy that is trusted → the address it tells; else its own', async () => {
    const device = 'Firefox';
    const told = '198.51.100.1, 203.0.113.9';
    expect(await seen(1, told)).toEqual({ device, address: '203.0.113.9' });
    expect(await seen(false, told)).toEqual({ device, address: '127.0.0.1' });
  });

  it('an address that is none → a visitor without a place', async () => {
    expect(await seen(1, 'nonsense')).toEqual({ device: 'Firefox' });
  });
});
