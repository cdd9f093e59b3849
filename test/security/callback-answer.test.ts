import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from '../support/browser.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';
import type { TestRedis } from '../support/redis-server.js';

/** What the callback says: of errors that Fullscript reports, and of the code in its own address. */

const CALLBACK = '/oauth/callback';
let world: World<TestRedis>;
let app: App;
let person: string;
let stranger: string;
let browser: Browser;

beforeAll(async () => {
  world = await openWorldWithRedis();
  app = await world.start();
  person = world.simulator.people[0]!.id;
  stranger = world.simulator.people.at(-1)!.id;
});

beforeEach(() => {
  browser = app.browser();
});
afterEach(() => {
  world.simulator.faults.reset();
  world.simulator.revokeAuthorization(stranger);
});
afterAll(() => world.close());

/** A callback that carries an error in place of a code. */
async function withError(error: string, description?: string): Promise<string> {
  const callback = new URL(await browser.consent({ person }), app.origin);
  callback.searchParams.delete('code');
  callback.searchParams.set('error', error);
  if (description !== undefined) callback.searchParams.set('error_description', description);
  return `${callback.pathname}${callback.search}`;
}

describe('SR-13', () => {
  it.each([
    ['no state', '', 'state_missing'],
    ['an unknown state', '&state=x', 'state_unknown'],
    ['a state given twice', '&state=x&state=y', 'parameter_duplicated'],
  ])('SR-13 an error with %s → not honoured, not even shown', async (_name, state, code) => {
    for (const error of ['access_denied', 'server_error']) {
      const page = await browser.send(`${CALLBACK}?error=${error}&error_description=SHOWN${state}`);
      expect(page.status).toBe(400);
      expect(page.text).toContain(`(${code})`);
      for (const word of ['access_denied', 'did not connect', 'server_error', 'SHOWN']) {
        expect(page.text).not.toContain(word);
      }
    }
  });

  it("SR-13 an error with another browser's state → not honoured, and that browser goes on", async () => {
    const callback = await browser.consent({ person });
    const error = callback.replace(/code=[^&]*/, 'error=access_denied');
    const page = await app.browser().send(error);
    expect(page.status).toBe(400);
    expect(page.text).toContain('(state_unknown)');
    expect((await browser.send(callback)).status).toBe(303);
  });

  it('SR-13 an error with a valid state → honoured, once, and nothing is stored or called', async () => {
    const before = world.simulator.stats.exchanges;
    const callback = await browser.consent({ person: stranger, decision: 'deny' });
    const page = await browser.send(callback);
    expect(page.status).toBe(403);
    expect(page.text).toContain('You did not connect Fullscript');
    expect(page.text).toContain('Start again');
    expect((await browser.send(callback)).text).toContain('(state_unknown)');
    expect(await browser.json('/api/session')).toEqual({ signedIn: false });
    expect(browser.cookies.size).toBe(0);
    expect(world.simulator.stats.exchanges).toBe(before);
  });

  it('SR-13 an error and a code together → the error counts, the code is not sent', async () => {
    const before = world.simulator.stats.exchanges;
    const page = await browser.send(`${await browser.consent({ person })}&error=server_error`);
    expect(page.status).toBe(502);
    expect(world.simulator.stats.exchanges).toBe(before);
  });

  it.each([
    ['markup, and an attribute that ends', '<img src=x onerror=MARK>" onload="alert(1)\' x=\''],
    ['line breaks', 'MARK\r\n{"level":60,"msg":"forged"}\nSet-Cookie: a=MARK\u2028\u0085'],
    ['control characters', 'MARK\u0000\u001b[31mred\u009b'],
    ['10 kB', `MARK${'A'.repeat(10_000)}`],
  ])(
    'SR-13 a description of %s → escaped in the page, cut and on one line in the log',
    async (_, text) => {
      for (const error of ['access_denied', text.slice(0, 1_000)]) {
        const from = app.lines.length;
        const page = await browser.send(await withError(error, text));
        expect([403, 502]).toContain(page.status);
        expect(page.text).not.toContain(text);
        expect(page.text).not.toMatch(/<script|<img|onerror|onload=/);
        for (const control of ['\u001b', '\u0000']) expect(page.text).not.toContain(control);
        expect([...page.headers].join()).not.toContain('MARK');
        await until(() => app.lines.slice(from).some((line) => line.includes('"request"')));
        for (const line of app.lines.slice(from)) expectsClean(line);
      }
    },
  );

  /** One line of JSON, without control characters, and nothing in it that the caller could stretch. */
  function expectsClean(line: string): void {
    expect(line.trimEnd()).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
    const strings = Object.values(JSON.parse(line) as Record<string, unknown>).flatMap(stringsIn);
    for (const value of strings.filter((one) => /MARK|AAAA|forged/.test(one))) {
      expect(value).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      expect(value.length).toBeLessThanOrEqual(200);
    }
  }

  function stringsIn(value: unknown): string[] {
    if (typeof value === 'string') return [value];
    return typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(stringsIn)
      : [];
  }
});

describe('SR-15', () => {
  /** Longer than a person is kept waiting. */
  const later = { headers: { 'retry-after': '60' } };
  const BUSY = { endpoint: 'token', kind: 'status' } as const;

  /** How a callback can end; each is opened by a browser that is back from Fullscript. */
  const ENDINGS: [string, number, (callback: string) => Promise<Page>][] = [
    ['success', 303, (callback) => browser.send(callback)],
    ['success of somebody signed in', 303, (callback) => signedInAlready(callback)],
    [
      'a reload after success',
      303,
      async (callback) => {
        await browser.send(callback);
        return browser.send(callback);
      },
    ],
    ['no state', 400, (url) => browser.send(url.replace(/&state=[^&]*/, ''))],
    ['an unknown state', 400, (url) => browser.send(url.replace('state=', 'state=x'))],
    ['a code twice', 400, (url) => browser.send(`${url}&code=x`)],
    ['another browser', 400, (url) => app.browser().send(url)],
    ['a code that is refused', 400, (url) => browser.send(url.replace(/code=/, 'code=x'))],
    ['a refusal', 403, (url) => browser.send(`${url}&error=access_denied`)],
    ['an error of Fullscript', 502, (url) => browser.send(`${url}&error=server_error`)],
    ['an exchange met by 500', 502, (url) => failing(url, { ...BUSY, status: 500 })],
    ['an exchange met by 429', 503, (url) => failing(url, { ...BUSY, ...later, status: 429 })],
    ['an exchange that is not answered', 504, (url) => failing(url, lost)],
    ['garbage', 502, (url) => failing(url, { endpoint: 'token', kind: 'garbage' })],
    ['a path with a slash at its end', 303, (url) => browser.send(url.replace('?', '/?'))],
    ['the method HEAD', 404, (url) => browser.send(url, { method: 'HEAD' })],
    ['the method POST', 404, (url) => browser.send(url, { method: 'POST' })],
    ['a foreign POST', 403, (url) => browser.send(url, foreign)],
    ['Redis away', 503, (url) => withoutRedis(() => browser.send(url))],
    ['Redis away, somebody signed in', 503, (url) => signedInWithoutRedis(url)],
  ];
  const foreign = { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } };
  const lost = { endpoint: 'token', kind: 'lost_answer' } as const;

  async function signedInAlready(callback: string): Promise<Page> {
    await browser.signIn(stranger);
    return browser.send(callback);
  }

  function failing(url: string, fault: Parameters<World['simulator']['faults']['add']>[0]) {
    world.simulator.faults.add(fault);
    return browser.send(url);
  }

  async function signedInWithoutRedis(callback: string) {
    await browser.signIn(stranger);
    return withoutRedis(() => browser.send(callback));
  }

  async function withoutRedis(open: () => Promise<Page>) {
    world.redis.pause();
    try {
      return await open();
    } finally {
      world.redis.resume();
      await until(async () => (await browser.send('/readyz')).status === 200);
    }
  }

  it.each(ENDINGS)('SR-15 %s (%i) → the code stays in the address', async (_name, status, open) => {
    const callback = await browser.consent({ person, start: '/oauth/authorize?returnTo=/portal' });
    const [, code = ''] = /code=([^&]*)/.exec(callback)!;
    expect(code).not.toBe('');
    const from = app.lines.length;
    const page = await open(callback);
    expect(page.status).toBe(status);
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.location).toBe(status === 303 ? '/portal' : null);
    expect(`${JSON.stringify([...page.headers])} ${page.text}`).not.toContain(code);
    expect(page.headers.get('refresh')).toBeNull();
    expect([...browser.cookies].join()).not.toContain(code);
    expectsOwnContentOnly(page);
    await until(() => app.lines.slice(from).some((line) => line.includes(`"path":"${CALLBACK}`)));
    expect(app.lines.join('')).not.toContain(code);
  });

  function expectsOwnContentOnly({ text, headers }: Page): void {
    const attributes = /\b(?:src|srcset|href|action|formaction|poster|data|content)="([^"]*)"/g;
    const urls = [...text.matchAll(attributes)].map(([, url]) => url!);
    expect(urls.filter((url) => /^(\w+:)?\/\//.test(url) || /^\w+:(?!,)/.test(url))).toEqual([]);
    expect(text).not.toMatch(/<script|<style|<iframe|<meta http-equiv|url\(|@import/i);
    const policy = headers
      .get('content-security-policy')!
      .split(';')
      .map((part) => part.trim());
    expect(policy).toContain("default-src 'none'");
    // Where forms may lead is no content.
    const loading = policy.filter((directive) => !directive.startsWith('form-action '));
    const sources = loading.flatMap((directive) => directive.split(' ').slice(1));
    expect(new Set(sources)).toEqual(new Set(["'none'", "'self'", 'data:']));
  }
});
