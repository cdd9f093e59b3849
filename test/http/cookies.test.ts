import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { sign } from 'cookie-signature';
import express from 'express';
import supertest from 'supertest';
import { type BindingCookies, createBindingCookies } from '../../src/http/binding-cookie.js';
import { cookieName, readCookies } from '../../src/http/cookies.js';
import { cookiesOf, sentBack } from '../fixtures/visitors.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

describe('cookies', () => {
  it('name with https → __Host-, without it → plain', () => {
    expect(cookieName('fc_session', true)).toBe('__Host-fc_session');
    expect(cookieName('fc_session', false)).toBe('fc_session');
  });

  it.each<[string, string | undefined, [string, string][]]>([
    ['none', undefined, []],
    [
      'two',
      'a=1; b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['the same name twice', 'a=1; a=2', [['a', '1']]],
    ['value with =', 'a=b=c', [['a', 'b=c']]],
    ['encoded value', 'a=%20x', [['a', '%20x']]],
    [
      'empty value',
      'a=; b=2',
      [
        ['a', ''],
        ['b', '2'],
      ],
    ],
    [
      'no blanks',
      'a=1;b=2',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['garbage', ';;a;=x; b = 2 ;', [['b', '2']]],
    ['a name of JavaScript', '__proto__=1', [['__proto__', '1']]],
  ])('%s → read', (_what, cookie, expected) => {
    expect([...readCookies({ headers: { cookie } })]).toEqual(expected);
  });
});

describe('createBindingCookies', () => {
  const BINDING = 'A'.repeat(22);
  const STARTED_BY = 'B'.repeat(22);

  function appWith(options: { secure?: boolean; now?: () => number; secrets?: string[] } = {}) {
    const { secure = true, now = () => NOW } = options;
    const signing = { secrets: options.secrets ?? ['new', 'old'], lifetimeMs: 600_000 };
    const bindings: BindingCookies = createBindingCookies({ secure, now, ...signing });
    const app = express();
    app.get('/set/:id/:binding', (req, res) => {
      const { id: stateId, binding } = req.params;
      bindings.set(req, res, { stateId, binding, startedBy: STARTED_BY });
      res.end();
    });
    app.get('/get/:id', (req, res) => res.json(bindings.get(req, req.params.id) ?? {}));
    app.get('/clear/:id', (req, res) => {
      bindings.clear(res, req.params.id);
      res.end();
    });
    return supertest(app);
  }

  /** A cookie of a sign-in that started so many ms after NOW. */
  const cookieOf = (id: string, after: number, prefix = '__Host-fc_auth_') =>
    `${prefix}${id}=${valueOf(id, { after })}`;

  function valueOf(id: string, { after = 0, secret = 'new', startedBy = STARTED_BY } = {}) {
    const text = `${(NOW + after).toString(36)}.${BINDING}.${startedBy}`;
    const key = createHmac('sha256', secret).update('signed binding').digest('base64url');
    return sign(`${id}.${text}`, key).slice(`${id}.`.length);
  }

  const value = valueOf('s1');
  const shown = (binding: string, startedBy = STARTED_BY) => JSON.stringify({ binding, startedBy });

  it.each([
    ['ten minutes old, by a clock that is ten minutes slow', 20, true],
    ['older', 21, false],
    ['of the future, by more than clocks differ', -21, false],
  ])('a cookie %s → counts: %s min, %s', async (_what, minutes, counts) => {
    const agent = appWith({ now: () => NOW + minutes * 60_000 });
    const { text } = await agent.get('/get/s1').set('Cookie', cookieOf('s1', 0));
    expect(text).toBe(counts ? shown(BINDING) : '{}');
  });

  it('https → __Host-, Secure, HttpOnly, Lax, no Domain, ten minutes', async () => {
    const [line, ...others] = cookiesOf(await appWith().get(`/set/s1/${BINDING}`));
    expect(others).toEqual([]);
    expect(line?.replace(/Expires=[^;]+/, 'Expires=…')).toBe(
      `__Host-fc_auth_s1=${value}; Max-Age=600; Path=/; Expires=…; HttpOnly; Secure; SameSite=Lax`,
    );
  });

  it('http on this machine → the same without prefix and Secure', async () => {
    const [line] = cookiesOf(await appWith({ secure: false }).get(`/set/s1/${BINDING}`));
    expect(line?.replace(/Expires=[^;]+/, 'Expires=…')).toBe(
      `fc_auth_s1=${value}; Max-Age=600; Path=/; Expires=…; HttpOnly; SameSite=Lax`,
    );
  });

  it('set, then sent back → the binding of that sign-in and of no other', async () => {
    const app = appWith();
    const cookie = sentBack(cookiesOf(await app.get(`/set/s1/${BINDING}`)));
    expect((await app.get('/get/s1').set('Cookie', cookie)).text).toBe(shown(BINDING));
    expect((await app.get('/get/s2').set('Cookie', cookie)).text).toBe('{}');
    expect((await app.get('/get/s1')).text).toBe('{}');
  });

  it.each([
    ['empty', ''],
    ['only the binding', BINDING],
    ['too short', value.replace('A', '')],
    ['too long', value.replace('A', 'AA')],
    ['other characters', value.replace('A', '/')],
    ['no time', value.slice(value.indexOf('.'))],
    ['another time', `${(NOW + 1).toString(36)}${value.slice(value.indexOf('.'))}`],
    ['not signed', value.slice(0, value.lastIndexOf('.'))],
    ['signed with another secret', valueOf('s1', { secret: 'other' })],
    ['signed for another sign-in', valueOf('s2')],
    ['another counted', value.replace('B', 'C')],
  ])('value %s → no binding', async (_what, text) => {
    const response = await appWith().get('/get/s1').set('Cookie', `__Host-fc_auth_s1=${text}`);
    expect(response.text).toBe('{}');
  });

  it('signed with an older secret, or counted for nobody → the binding', async () => {
    const cookieWith = (text: string) => `__Host-fc_auth_s1=${text}`;
    const older = await appWith()
      .get('/get/s1')
      .set('Cookie', cookieWith(valueOf('s1', { secret: 'old' })));
    expect(older.text).toBe(shown(BINDING));
    const nobodys = cookieWith(valueOf('s1', { startedBy: '' }));
    const found = await appWith().get('/get/s1').set('Cookie', nobodys);
    expect(found.text).toBe(shown(BINDING, ''));
  });

  it('twenty of them → far below 8 kB', () => {
    const id = 'x'.repeat(16);
    expect(20 * `; ${cookieOf(id, 0)}`.length).toBeLessThan(3_000);
  });

  it('https and a cookie without the prefix, as another host could plant it → no binding', async () => {
    const planted = cookieOf('s1', 0, 'fc_auth_');
    expect((await appWith().get('/get/s1').set('Cookie', planted)).text).toBe('{}');
  });

  it('ten tabs at once → ten cookies, each sign-in finds its own', async () => {
    const app = appWith();
    const ids = Array.from({ length: 10 }, (_, tab) => `tab${tab}`);
    const bindingOf = (id: string) => id.padEnd(22, '-');
    const answers = await Promise.all(ids.map((id) => app.get(`/set/${id}/${bindingOf(id)}`)));
    const lines = answers.flatMap(cookiesOf);
    expect(lines).toHaveLength(10);
    const found = await Promise.all(
      ids.map((id) => app.get(`/get/${id}`).set('Cookie', sentBack(lines))),
    );
    expect(found.map(({ text }) => text)).toEqual(ids.map((id) => shown(bindingOf(id))));
  });

  it.each([
    [0, []],
    [19, []],
    [20, ['s00']],
    [22, ['s02', 's01', 's00']],
  ])('%i sign-ins open, and one more → the oldest beyond twenty go', async (open, dropped) => {
    const ids = Array.from({ length: open }, (_, at) => `s${String(at).padStart(2, '0')}`);
    // The youngest in the middle, so that age is told from the value and not from the place.
    const cookies = ids.map((id, at) => cookieOf(id, at)).reverse();
    const mixed = [...cookies.slice(5), 'other=1', ...cookies.slice(0, 5)].join('; ');
    const lines = cookiesOf(await appWith().get(`/set/new/${BINDING}`).set('Cookie', mixed));
    const cleared = lines.filter((line) => line.includes('Expires=Thu, 01 Jan 1970'));
    expect(cleared).toEqual(
      dropped.map(
        (id) =>
          `__Host-fc_auth_${id}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax`,
      ),
    );
    expect(lines.length - cleared.length).toBe(1);
    expect(lines.at(-1)).toContain(`__Host-fc_auth_new=${valueOf('new')}`);
  });

  it('a cookie whose value is garbage → counts as the oldest', async () => {
    const cookies = Array.from({ length: 19 }, (_, at) => cookieOf(`s${at}`, at));
    const cookie = ['__Host-fc_auth_bad=garbage', ...cookies].join('; ');
    const lines = cookiesOf(await appWith().get(`/set/new/${BINDING}`).set('Cookie', cookie));
    expect(lines[0]).toContain('__Host-fc_auth_bad=; ');
    expect(lines).toHaveLength(2);
  });

  it('cleared → the browser is told with the same attributes', async () => {
    expect(cookiesOf(await appWith().get('/clear/s1'))).toEqual([
      '__Host-fc_auth_s1=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
    ]);
  });
});
