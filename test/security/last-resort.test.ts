import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Express, RequestHandler } from 'express';
import { grantKey, sessionKey } from '../support/keys.js';
import { decodeSession } from '../../src/redis/session-codec.js';
import { type Browser, type Page, sessionOf } from '../support/browser.js';
import { appBehind } from '../support/routes.js';
import { type App, type World, openWorld } from '../support/world.js';

/** The statement about errors that nobody foresaw. */

/** In messages of errors, where answers must not show it. */
const INNER = 'inner-detail-4711';
const STACK = /\n\s+at |\.ts:|\.js:|\.ejs|node_modules|TypeError|RangeError|Cannot read/;

let world: World;
let app: App;
let express: Express;
let browser: Browser;
/** A user whom nothing of it concerns. */
let bystander: Browser;
let views: string;
let others: string[];

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
  express = await appBehind(app.origin);
  views = mkdtempSync(join(tmpdir(), 'fc-views-'));
  for (const name of ['landing', 'error']) {
    writeFileSync(join(views, `${name}.ejs`), `<% throw new TypeError('${INNER}') %>`);
  }
  [browser, bystander] = [app.browser(), app.browser()];
  await bystander.signIn(world.simulator.people[1]!.id);
  others = await world.stored.keys(sessionKey('*'));
});

afterEach(async () => {
  // Nothing that went wrong ended the process, or spoiled it for another user.
  expect((await browser.send('/livez')).status).toBe(200);
  expect(await sessionOf(bystander)).toMatchObject({ signedIn: true, status: 'active' });
});

afterAll(async () => {
  await world.close();
  rmSync(views, { recursive: true });
});

/** Changes what is stored of a session to something no handler is ready for. */
async function breakSession(signIn: unknown): Promise<void> {
  const keys = await world.stored.keys(sessionKey('*'));
  for (const key of keys.filter((one) => !others.includes(one))) {
    const session = decodeSession((await world.stored.get(key))!);
    await world.stored.set(key, JSON.stringify({ ...session, signIn }), 'KEEPTTL');
  }
}

const strangerAt = (registration: string, type: string) => ({
  at: Date.now(),
  key: { registration, owner: { id: '1', type } },
});

/** The reference that a page shows or a problem holds. */
function referenceIn({ text, headers }: Page): string {
  const shown = /Reference <code>([\w-]{36})<\/code>|"requestId":"([\w-]{36})"/.exec(text);
  const reference = shown?.[1] ?? shown?.[2];
  expect(reference).toBe(headers.get('x-request-id'));
  return reference!;
}

/** What the log says of an answer, as far as it is an error. */
function logged(page: Page) {
  const reference = referenceIn(page);
  return app.lines
    .map(
      (line) => JSON.parse(line) as { msg: string; requestId?: string; err?: { stack?: string } },
    )
    .filter(({ msg, requestId }) => msg === 'request failed' && requestId === reference);
}

/** Generic to the reader, whole for whoever reads the log. */
function expectGeneric(page: Page): void {
  expect(page.status).toBe(500);
  expect(page.text).toContain('Something went wrong here');
  expect(page.text).not.toMatch(STACK);
  expect(page.text).not.toContain(INNER);
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  expect(page.headers.get('cache-control')).toBe('no-store');
  const lines = logged(page);
  expect(lines.length).toBeGreaterThanOrEqual(1);
  for (const { err } of lines) expect(err?.stack).toMatch(/Error: [^]*\n\s+at /);
}

/** Puts a route behind the request id and ahead of the rest, as one of ours with a mistake in it. */
function withRoute(path: string, handler: RequestHandler): () => void {
  express.all(path, handler);
  const { stack } = express.router as unknown as { stack: unknown[] };
  const [layer] = stack.splice(-1);
  stack.splice(3, 0, layer);
  return () => {
    stack.splice(stack.indexOf(layer), 1);
  };
}

describe('SR-57', () => {
  it.each<[string, unknown]>([
    ['without a user', { at: Date.now() }],
    ['with half a user', { at: Date.now(), key: { registration: 'us-sandbox' } }],
    ['with a user of another make', { at: Date.now(), key: 'us-sandbox:Practitioner:1' }],
    ['with a user of a kind that we do not know', strangerAt('us-sandbox', 'Wizard')],
    ['with a registration that we do not know', strangerAt('eu-sandbox', 'Staff')],
    ['with nothing in it', {}],
    ['that is a number', 42],
  ])(
    'SR-57 a stored session %s → its browser is not signed in, and can sign in',
    async (_what, signIn) => {
      browser = app.browser();
      const person = world.simulator.people[0]!.id;
      await browser.signIn(person);
      await breakSession(signIn);
      expect(await browser.send('/portal')).toMatchObject({ status: 303 });
      expect(await browser.json('/api/session')).toEqual({ signedIn: false });
      expect((await browser.send('/api/fullscript/clinic')).status).toBe(401);
      expect((await browser.send('/sign-out', { method: 'POST' })).status).toBeLessThan(500);
      await browser.signIn(person);
      expect(await sessionOf(browser)).toMatchObject({ signedIn: true, status: 'active' });
      browser = app.browser();
    },
  );

  it.each<[string, string, (key: string) => Promise<unknown>]>([
    ['whose version is no number', '500', (key) => world.stored.hset(key, 'v', 'x')],
    [
      'that is a value of another type',
      '401',
      (key) => world.stored.multi().del(key).set(key, 'x').exec(),
    ],
  ])(
    'SR-57 a stored grant %s → %s, and the next sign-in heals it',
    async (_what, status, damage) => {
      const person = world.simulator.people[2]!.id;
      const { resourceOwner } = await browser.signIn(person).then(() => sessionOf(browser));
      await damage(grantKey(`us-sandbox:Practitioner:${resourceOwner!.id}`));
      expect((await browser.send('/api/fullscript/clinic')).status).toBe(Number(status));
      await browser.signIn(person);
      expect(await sessionOf(browser)).toMatchObject({ signedIn: true, status: 'active' });
      expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
      browser = app.browser();
    },
  );

  it.each([
    ['GET', '/mistake', 'text/html; charset=utf-8'],
    ['POST', '/mistake', 'text/html; charset=utf-8'],
    ['GET', '/api/mistake', 'application/problem+json'],
  ])(
    'SR-57 a mistake behind %s %s → 500, generic, with a reference that is in the log with the stack',
    async (method, path, type) => {
      const restore = withRoute(path, () => {
        throw new TypeError(INNER);
      });
      const page = await browser.send(path, { method, headers: { accept: 'text/html' } });
      restore();
      expect(page.headers.get('content-type')).toContain(type);
      expectGeneric(page);
      if (!path.startsWith('/api/')) return;
      expect(JSON.parse(page.text)).toEqual({
        ...{ type: 'about:blank', title: 'Something went wrong here', status: 500 },
        detail: expect.any(String),
        ...{ code: 'internal_error', requestId: referenceIn(page) },
      });
    },
  );

  it('SR-57 a view that throws → the error page', async () => {
    const [before, nobody] = [express.get('views') as string, app.browser()];
    rmSync(join(views, 'error.ejs'));
    express.set('views', [views, before]);
    try {
      expectGeneric(await nobody.send('/'));
    } finally {
      express.set('views', before);
      writeFileSync(join(views, 'error.ejs'), `<% throw new TypeError('${INNER}') %>`);
    }
    expect((await nobody.send('/')).status).toBe(200);
  });

  it('SR-57 the error page throws too → a page without a view, with its reference', async () => {
    const [before, nobody] = [express.get('views') as string, app.browser()];
    express.set('views', views);
    try {
      const page = await nobody.send('/');
      expectGeneric(page);
      expect(page.text).toMatch(/^<!doctype html>/);
      expect(logged(page)).toHaveLength(2);
      const missing = await nobody.send('/nowhere');
      expect(missing.status).toBe(404);
      expect(missing.text).toContain('There is nothing here');
      expect(missing.text).not.toMatch(STACK);
      expect(logged(missing)).toHaveLength(1);
    } finally {
      express.set('views', before);
    }
  });

  it.each(['/%', '/portal/%zz', '/assets/%', '/assets/%00', '/api/%c0', '/?returnTo=%', '/%ff?%'])(
    'SR-57 the address %s → refused with a page or a problem, never with a stack',
    async (path) => {
      const { status, text } = await browser.sendRaw(path);
      expect([200, 303, 400, 404]).toContain(status);
      expect(text).not.toMatch(STACK);
      if (status >= 400) expect(text).toMatch(/Reference <code>|"requestId":/);
    },
  );

  const mistakes: [string, RequestHandler][] = [
    [
      'throws',
      () => {
        throw new TypeError(INNER);
      },
    ],
    ['rejects', () => Promise.reject(new RangeError(INNER))],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- libraries do it
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['hands on a text', (_req, _res, next) => next(INNER)],
    [
      'fails later',
      async () => {
        await Promise.resolve();
        throw Object.assign(new Error(INNER), { status: 418, expose: true, headers: { a: INNER } });
      },
    ],
  ];

  it.each(mistakes)(
    'SR-57 a handler that %s → nothing of it in the answer',
    async (_what, handler) => {
      const restore = withRoute('/mistake', handler);
      try {
        const page = await browser.send('/mistake');
        expect([400, 500]).toContain(page.status);
        expect(page.text).not.toMatch(STACK);
        expect(page.text).not.toContain(INNER);
        expect(page.headers.get('a')).toBeNull();
        expect(page.text).toContain(referenceIn(page));
      } finally {
        restore();
      }
      expect((await browser.send('/mistake')).status).toBe(404);
    },
  );

  it('SR-57 an error after half of the answer is out → the connection is cut, the log has it', async () => {
    const restore = withRoute('/half', (_req, res) => {
      res.write('half');
      throw new TypeError(INNER);
    });
    try {
      const id = 'half-an-answer';
      const headers = { 'x-request-id': id };
      const half = fetch(`${app.origin}/half`, { headers }).then((answer) => answer.text());
      await expect(half).rejects.toThrow();
      const line = app.lines.find((one) => one.includes('request failed') && one.includes(id));
      expect(line).toContain(`TypeError: ${INNER}\\n    at `);
    } finally {
      restore();
    }
  });
});
