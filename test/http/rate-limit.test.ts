import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { sign } from 'cookie-signature';
import express, { type Request } from 'express';
import type { Store } from 'express-rate-limit';
import supertest from 'supertest';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { createBindingCookies } from '../../src/http/binding-cookie.js';
import { createCallers } from '../../src/http/callers.js';
import { createDeviceCookie } from '../../src/http/device-cookie.js';
import { errorHandler } from '../../src/http/error-handler.js';
import { type RateLimitOptions, createRateLimit } from '../../src/http/rate-limit.js';
import { shownSessionId } from '../../src/http/session.js';
import { createSignedValues } from '../../src/http/signed-values.js';
import { createMemoryRateLimitStore } from '../../src/memory/rate-limit-store.js';
import { createClock } from '../support/custody.js';

const MINUTE = 60_000;

afterEach(() => {
  jest.restoreAllMocks();
});

/** A route behind limits; the caller is named in the query. */
function appWith(...limits: Partial<RateLimitOptions>[]) {
  const clock = createClock();
  const reached: object[] = [];
  const refused: string[] = [];
  const events = {
    reached: (of: object) => void reached.push(of),
    refused: (limit: string) => void refused.push(limit),
  };
  const app = express();
  for (const [at, overrides] of limits.entries()) {
    app.use(
      createRateLimit({
        ...{ name: `limit-${at}`, limit: 2, windowMs: MINUTE, events, now: clock.now },
        store: createMemoryRateLimitStore({ now: clock.now }),
        callerOf: (req) => req.query['caller'] as string | undefined,
        ...overrides,
      }),
    );
  }
  app.get('/api/x', (_req, res) => void res.json({}));
  app.use(errorHandler({ report: () => undefined }));
  const agent = supertest(app);
  const ask = (caller = 'a') => agent.get('/api/x').query({ caller });
  return { clock, reached, refused, agent, ask };
}

const headers = (answer: { headers: Record<string, string> }) => {
  const names = ['limit', 'remaining', 'reset', 'policy'];
  return names.map((name) => answer.headers[`ratelimit-${name}`]);
};

describe('createRateLimit', () => {
  it('up to the limit → through, with what is left in the headers', async () => {
    const { ask } = appWith({});
    expect(headers(await ask())).toEqual(['2', '1', '60', '2;w=60']);
    const last = await ask();
    expect([last.status, last.get('Retry-After')]).toEqual([200, undefined]);
    expect(headers(last)).toEqual(['2', '0', '60', '2;w=60']);
  });

  it('beyond it → 429 with Retry-After until the window is over, others not', async () => {
    const { clock, ask } = appWith({});
    await ask();
    await ask();
    clock.advance(18_500);
    const answer = await ask();
    expect([answer.status, answer.get('Retry-After')]).toEqual([429, '42']);
    expect(headers(answer)).toEqual(['2', '0', '42', '2;w=60']);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'too_many_requests', status: 429 });
    expect((await ask('b')).status).toBe(200);
    clock.advance(41_500);
    expect((await ask()).status).toBe(200);
  });

  it('beyond it many times → told once for each caller and window, counted each time', async () => {
    const { clock, ask, reached, refused } = appWith({});
    for (let i = 0; i < 5; i += 1) await ask();
    for (let i = 0; i < 3; i += 1) await ask('b');
    expect(reached).toEqual([
      { limit: 'limit-0', caller: 'a', retryAfterMs: MINUTE },
      { limit: 'limit-0', caller: 'b', retryAfterMs: MINUTE },
    ]);
    expect(refused).toEqual(Array.from({ length: 4 }, () => 'limit-0'));
    clock.advance(MINUTE);
    for (let i = 0; i < 4; i += 1) await ask();
    expect(reached).toHaveLength(3);
  });

  it.each([
    ['the first', [{ limit: 3 }, { limit: 50 }]],
    ['the second', [{ limit: 50 }, { limit: 3 }]],
  ])('two limits, %s is nearer → its headers', async (_which, limits) => {
    expect(headers(await appWith(...limits).ask())).toEqual(['3', '2', '60', '3;w=60']);
  });

  it('a limit that is not about the request → neither counts nor shows', async () => {
    const { ask } = appWith({ callerOf: () => undefined, limit: 1 });
    await ask();
    const answer = await ask();
    expect(answer.status).toBe(200);
    expect(headers(answer)).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('0 → no limit, no headers', async () => {
    const { ask } = appWith({ limit: 0 });
    for (let i = 0; i < 5; i += 1) expect((await ask()).status).toBe(200);
    expect(headers(await ask())).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('the store fails → its error, and not through', async () => {
    const fails = () => Promise.reject(new StoreUnavailableError('test', undefined));
    const store = { increment: fails, decrement: fails, resetKey: fails } as unknown as Store;
    const answer = await appWith({ store }).ask();
    expect([answer.status, answer.get('Retry-After')]).toEqual([503, '2']);
  });

  it('forged headers of a proxy → nothing is printed', async () => {
    const printed = [jest.spyOn(console, 'error'), jest.spyOn(console, 'warn')];
    const { agent } = appWith({ callerOf: () => 'a' });
    const forged = { 'X-Forwarded-For': '1.2.3.4', Forwarded: 'for=1.2.3.4' };
    expect((await agent.get('/api/x').set(forged)).status).toBe(200);
    for (const spy of printed) expect(spy).not.toHaveBeenCalled();
  });
});

describe('createSignedValues', () => {
  const values = createSignedValues({ purpose: 'device', secrets: ['new', 'old'] });

  it('signed → opened again, with each of the secrets', () => {
    expect(values.open(values.sign('text.with.dots'))).toBe('text.with.dots');
    const older = createSignedValues({ purpose: 'device', secrets: ['old'] }).sign('text');
    expect(values.open(older)).toBe('text');
  });

  it.each([
    ['another text', values.sign('text').replace('text', 'test')],
    ['no signature', 'text'],
    ['nothing', ''],
    ['another secret', createSignedValues({ purpose: 'device', secrets: ['x'] }).sign('text')],
    ['another purpose', createSignedValues({ purpose: 'other', secrets: ['new'] }).sign('text')],
    ['a session cookie', sign('text', 'new')],
  ])('%s → not ours', (_what, text) => {
    expect(values.open(text)).toBeUndefined();
  });
});

const SECRETS = ['new', 'old'];
const devices = createDeviceCookie({ secure: true, secrets: SECRETS });

describe('createDeviceCookie', () => {
  function app() {
    const server = express();
    server.get('/keep', (req, res) => {
      devices.keep(req, res);
      res.end();
    });
    server.get('/get', (req, res) => void res.json([devices.get(req) ?? 'none']));
    return supertest(server);
  }

  const cookieOf = (answer: { headers: Record<string, unknown> }) =>
    (answer.headers['set-cookie'] as string[])[0]!;

  it('kept → signed, HttpOnly, Lax, __Host-, for a year, with a random name', async () => {
    const [one, other] = [cookieOf(await app().get('/keep')), cookieOf(await app().get('/keep'))];
    expect(one).toMatch(
      /^__Host-fc_device=[\w-]{22}\.[\w+/]{43}; Max-Age=31536000; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(one.slice(0, 40)).not.toBe(other.slice(0, 40));
  });

  it('kept again → the same name, signed with the first secret', async () => {
    const id = 'D'.repeat(22);
    const older = createSignedValues({ purpose: 'device', secrets: ['old'] }).sign(id);
    const answer = await app().get('/keep').set('Cookie', `__Host-fc_device=${older}`);
    const newer = createSignedValues({ purpose: 'device', secrets: ['new'] }).sign(id);
    expect(cookieOf(answer)).toContain(`__Host-fc_device=${newer};`);
    const found = await app().get('/get').set('Cookie', `__Host-fc_device=${newer}`);
    expect(found.text).toBe(`["${id}"]`);
  });

  it.each([
    ['not signed', 'D'.repeat(22)],
    ['signed for something else', sign('D'.repeat(22), 'new')],
    ['too long', createSignedValues({ purpose: 'device', secrets: ['new'] }).sign('D'.repeat(23))],
  ])('%s → none', async (_what, value) => {
    const found = await app().get('/get').set('Cookie', `__Host-fc_device=${value}`);
    expect(found.text).toBe('["none"]');
  });
});

/** As long as those that the server makes. */
const ID = 'i'.repeat(43);

describe('shownSessionId', () => {
  const shown = (cookie: string) =>
    shownSessionId({ secure: false, secrets: SECRETS })({
      headers: { cookie },
    });

  it.each([
    ['signed with the first secret', `s:${sign(ID, 'new')}`, ID],
    ['with an older one', `s:${sign(ID, 'old')}`, ID],
    ['with another', `s:${sign(ID, 'other')}`, undefined],
    ['not signed', `s:${ID}`, undefined],
    ['signed, and no id', `s:${sign('id', 'new')}`, undefined],
    ['not marked', sign(ID, 'new'), undefined],
  ])('%s → %s', (_what, value, expected) => {
    expect(shown(`fc_session=${encodeURIComponent(value)}`)).toBe(expected);
    expect(shown(`fc_session=${value}`)).toBe(expected);
  });

  it('no cookie, or one that cannot be decoded → none', () => {
    expect([shown(''), shown('fc_session=s%3'), shown('fc_session=%')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('createCallers', () => {
  const bindings = createBindingCookies({
    ...{ secure: true, secrets: SECRETS, lifetimeMs: MINUTE, now: Date.now },
  });
  const callers = createCallers({ secure: true, secrets: SECRETS, bindings, devices });
  const from = (ip: string | undefined, more: object = {}) =>
    ({ ip, query: {}, headers: {}, ...more }) as unknown as Request;
  const signedInAs = (id: string) => ({
    session: { signIn: { key: { registration: 'us-sandbox', owner: { id, type: 'Staff' } } } },
  });

  it('names → 22 characters that show nothing, and are other ones under another secret', () => {
    const name = callers.address(from('203.0.113.7'));
    expect(name).toMatch(/^[\w-]{22}$/);
    const elsewhere = createCallers({ secure: true, secrets: ['x'], bindings, devices });
    expect(elsewhere.address(from('203.0.113.7'))).not.toBe(name);
  });

  it.each<[string, (string | undefined)[], boolean]>([
    ['the same IPv4 address', ['203.0.113.7', '203.0.113.7'], true],
    ['another one', ['203.0.113.7', '203.0.113.8'], false],
    ['an IPv4 address and how IPv6 writes it', ['203.0.113.7', '::ffff:203.0.113.7'], true],
    ['the same /56', ['2001:db8:0:100::1', '2001:db8:0:1ff:ff::1'], true],
    ['another /56', ['2001:db8:0:100::1', '2001:db8:0:200::1'], false],
    ['no address, as the connection is closed', [undefined, undefined], true],
    ['no address and one', [undefined, '203.0.113.7'], false],
  ])('%s → %j are one caller: %s', (_what, addresses, same) => {
    const names = addresses.map((ip) => callers.address(from(ip)));
    expect(new Set(names).size === 1).toBe(same);
  });

  it('a user at two addresses → one caller; two users at one → two', () => {
    const caller = (ip: string, id: string) => callers.userOrAddress(from(ip, signedInAs(id)));
    expect(caller('203.0.113.7', '1')).toBe(caller('203.0.113.8', '1'));
    expect(caller('203.0.113.7', '1')).not.toBe(caller('203.0.113.7', '2'));
    expect(callers.user(from('203.0.113.7'))).toBeUndefined();
    expect(callers.userOrAddress(from('203.0.113.7'))).toBe(callers.address(from('203.0.113.7')));
  });

  it('a start: by the browser that is known, else by the user, else by the address', () => {
    const id = createSignedValues({ purpose: 'device', secrets: SECRETS }).sign('D'.repeat(22));
    const known = { headers: { cookie: `__Host-fc_device=${id}` } };
    const ip = '203.0.113.7';
    const names = [
      callers.ofStart(from(ip, { ...known, ...signedInAs('1') })),
      callers.ofStart(from(ip, signedInAs('1'))),
      callers.ofStart(from(ip)),
    ];
    expect(new Set(names).size).toBe(3);
    expect(callers.ofStart(from('203.0.113.9', known))).toBe(names[0]);
    expect(names.slice(1)).toEqual([
      callers.user(from(ip, signedInAs('1'))),
      callers.address(from(ip)),
    ]);
  });
});
