import { describe, expect, it } from '@jest/globals';
import type { SessionData } from 'express-session';
import { decodeSession, encodeSession } from '../../src/redis/session-codec.js';

const AT = Date.UTC(2026, 10, 30);
const key = { registration: 'ca-production', owner: { id: 'a:b/ü*', type: 'Staff' } };

const session = (more: object = {}, cookie: object = {}) =>
  ({
    cookie: {
      ...{ originalMaxAge: 604_800_000, expires: new Date(AT), secure: true, httpOnly: true },
      ...{ path: '/', sameSite: 'lax', ...cookie },
    },
    signIn: { device: 'Firefox on Linux', address: '2001:db8::1', key, at: AT },
    ...more,
  }) as unknown as SessionData;

describe('encodeSession', () => {
  it('a sign-in → short, and the same sign-in again', () => {
    const text = encodeSession(session());
    expect(text.length).toBeLessThan(JSON.stringify(session()).length / 2);
    expect(decodeSession(text)).toEqual({
      cookie: { originalMaxAge: 604_800_000, sameSite: 'lax', secure: true },
      signIn: { device: 'Firefox on Linux', address: '2001:db8::1', key, at: AT },
    });
  });

  it('without browser and address → without them', () => {
    const bare = session({ signIn: { key, at: AT } }, { secure: false, sameSite: 'strict' });
    expect(decodeSession(encodeSession(bare))).toEqual({
      cookie: { originalMaxAge: 604_800_000, sameSite: 'strict', secure: false },
      signIn: { key, at: AT },
    });
  });

  it.each<[string, SessionData]>([
    ['something beside the sign-in', session({ theme: 'dark' })],
    ['something in the sign-in', session({ signIn: { key, at: AT, more: 1 } })],
    ['a cookie with a domain', session({}, { domain: 'example.com' })],
    ['a cookie for a path', session({}, { path: '/app' })],
    ['a cookie that ends with the browser', session({}, { originalMaxAge: null })],
  ])('a session with %s → written out', (_what, whole) => {
    expect(encodeSession(whole)).toBe(JSON.stringify(whole));
    expect(decodeSession(encodeSession(whole))).toEqual(JSON.parse(JSON.stringify(whole)));
  });
});

describe('decodeSession', () => {
  it.each<[string, object]>([
    ['nothing', {}],
    ['no user', { at: AT }],
    ['no time', { key }],
    ['a time that is no number', { key, at: String(AT) }],
    ['a time without an end', { key, at: 'endless' }],
    ['half a user', { at: AT, key: { registration: 'us-sandbox' } }],
    ['a user as text', { at: AT, key: 'us-sandbox:Staff:1' }],
    [
      'an id that no key can hold',
      { at: AT, key: { ...key, owner: { id: '\ud83c', type: 'Staff' } } },
    ],
    [
      'a kind of user that a later version knows',
      { at: AT, key: { ...key, owner: { id: '1', type: 'Wizard' } } },
    ],
    [
      'a registration that a later version knows',
      { at: AT, key: { ...key, registration: 'eu-sandbox' } },
    ],
  ])('a sign-in with %s → no session', (_what, signIn) => {
    const text = JSON.stringify(session({ signIn })).replace('"endless"', '1e999');
    expect(decodeSession(text)).toBeUndefined();
  });

  it.each(['originalMaxAge', 'expires', 'maxAge', 'sameSite'])(
    'a cookie whose %s is of another form → no session',
    (field) => {
      expect(decodeSession(JSON.stringify(session({}, { [field]: {} })))).toBeUndefined();
    },
  );

  it('a browser and an address that are no text → the session without them', () => {
    const signIn = { key, at: AT, device: { name: 'x' }, address: 7 };
    expect(decodeSession(JSON.stringify(session({ signIn })))?.signIn).toEqual({ key, at: AT });
  });

  it('as sessions were written before → read', () => {
    const text = JSON.stringify(session());
    expect(decodeSession(text)).toEqual(JSON.parse(text));
  });

  it.each([
    ...['', 'garbage', 'null', '7', '"x"', '[]', '{}', '{"cookie":null}', '{"k":"x"}'],
    '{"k":"us-sandbox:Staff","t":1,"c":[1,"lax"]}',
    '{"k":"us-sandbox:Staff:1","t":"1","c":[1,"lax"]}',
    '{"k":"us-sandbox:Staff:1","t":1}',
    '{"k":"us-sandbox:Staff:1","t":1e999,"c":[1,"lax"]}',
    '{"k":"us-sandbox:Staff:1","t":1,"c":[]}',
    '{"k":"us-sandbox:Staff:1","t":1,"c":["1","lax"]}',
    '{"k":"us-sandbox:Wizard:1","t":1,"c":[1,"lax"]}',
    '{"k":"eu-sandbox:Staff:1","t":1,"c":[1,"lax"]}',
    ...['{"cookie":{},"signIn":{}}', '{"cookie":{}}'],
  ])('%s → no session', (text) => {
    expect(decodeSession(text)).toBeUndefined();
  });
});
