import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ResourceOwner } from '../../src/oauth/resource-owner.js';
import { grantId } from '../../src/grants/grant.js';
import { activityKey, sessionHash, userSessionsKey } from '../support/keys.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import { type Browser, sessionIdOf, sessionOf } from '../support/browser.js';
import { type App, type World, openWorld } from '../support/world.js';
import { keyOfOwner } from '../support/seeded-grants.js';
import { type Visitor, signIn, storedGrants } from '../../torture/visitor.js';

/** The statement that everybody reaches their own connection only. */

const CLINIC = '/api/fullscript/clinic';

let world: World;
let app: App;

beforeAll(async () => {
  world = await openWorld();
  app = await world.start();
});

beforeEach(async () => {
  await world.stored.flushdb();
  world.simulator.faults.reset();
});

afterAll(() => world.close());

/** Somebody who is signed in, and the window they sit at. */
interface Somebody {
  readonly visitor: Visitor;
  readonly browser: Browser;
}

async function arrive(person: string): Promise<Somebody> {
  const browser = app.browser();
  return { visitor: await signIn(browser, person), browser };
}

interface Trail {
  readonly activity: readonly { event: string }[];
  readonly next: string | null;
}

async function pairOf({ visitor }: Somebody) {
  const { tokens } = (await storedGrants(world.redis, [visitor]))[0]!;
  return { access: tokens.accessToken.reveal(), refresh: tokens.refreshToken!.reveal() };
}

describe('SR-40', () => {
  /** Everything a request can say, all of it naming somebody else. */
  function naming(other: Visitor, sid: string) {
    const { registration, owner } = other.key;
    const id = grantId(other.key);
    const fields = {
      ...{ owner: owner.id, id: owner.id, user: owner.id, user_id: owner.id, sub: owner.id },
      ...{ resource_owner_id: owner.id, 'resource_owner[id]': owner.id, type: owner.type },
      ...{ key: id, grant: id, grantId: id, registration, sid, session: sessionHash(sid) },
      ...{ 'signIn[key][owner][id]': owner.id, '__proto__[id]': owner.id },
      returnTo: `/portal?owner=${encodeURIComponent(owner.id)}`,
    };
    const headers = {
      ...{ 'x-user': owner.id, 'x-user-id': owner.id, 'x-forwarded-user': owner.id },
      ...{ 'x-resource-owner': owner.id, 'x-resource-owner-id': owner.id, 'x-grant': id },
      ...{ 'x-fullscript-owner': owner.id, 'x-session-id': sid, from: owner.id },
    };
    return { fields, headers, paths: [owner.id, encodeURIComponent(id), sessionHash(sid)] };
  }

  it('SR-40 A names B in query, body, headers, cookies and path → only A is used, refreshed, shown and ended', async () => {
    const [a, b] = [
      await arrive(world.simulator.people[0]!.id),
      await arrive(world.simulator.people[1]!.id),
    ];
    const sid = sessionIdOf(b.browser);
    const { fields, headers, paths } = naming(b.visitor, sid);
    const query = new URLSearchParams(fields).toString();
    for (const [name, value] of Object.entries(fields)) {
      if (/^\w+$/.test(name)) a.browser.cookies.set(name, encodeURIComponent(value));
    }
    const strangers = Object.values(await pairOf(b));
    const ofB = async () => [
      await world.stored.dumpBuffer(`fc:1:grant:{${grantId(b.visitor.key)}}`),
      await world.stored.get(`fc:1:session:${sessionHash(sid)}`),
      await world.stored.zrange(userSessionsKey(grantId(b.visitor.key)), '0', '-1'),
    ];
    const before = await ofB();
    world.simulator.requests.length = 0;
    const get = async (path: string) => a.browser.send(path, { headers });
    const post = (path: string) => a.browser.post(path, fields);

    const shown = await get(`/api/session?${query}`);
    expect(JSON.parse(shown.text)).toMatchObject({ resourceOwner: a.visitor.key.owner });
    expect(shown.text).not.toContain(b.visitor.key.owner.id);
    expect((await get(`/portal?${query}`)).status).toBe(200);
    for (const path of paths) {
      expect((await get(`/portal/${path}`)).status).toBe(404);
      expect((await get(`/api/session/${path}`)).status).toBe(404);
    }
    world.simulator.expireAccessTokens();
    expect((await get(`${CLINIC}?${query}`)).status).toBe(200);
    expect((await post(`/oauth/refresh?${query}`)).status).toBe(303);
    expect((await post(`/oauth/disconnect?${query}`)).status).toBe(303);
    expect(await sessionOf(a.browser)).toMatchObject({ status: 'needs_reconnect' });
    expect((await post(`/sign-out/everywhere?${query}`)).status).toBe(303);
    expect((await sessionOf(a.browser)).signedIn).toBe(false);

    const sent = JSON.stringify(
      world.simulator.requests.map((call) => [call.headers.authorization, call.body]),
    );
    for (const token of strangers) expect(sent).not.toContain(token);
    expect(await ofB()).toEqual(before);
    expect((await b.browser.send(CLINIC)).status).toBe(200);
    expect(await sessionOf(b.browser)).toMatchObject({ signedIn: true, status: 'active' });
  });

  it('SR-40 A names B, or takes a page of B’s activity → sees and ends what is A’s only', async () => {
    const a = await arrive(world.simulator.people[0]!.id);
    const b = app.browser({ 'user-agent': 'Firefox/127.0' });
    const other = await signIn(b, world.simulator.people[1]!.id);
    const trail = createRedisUserActivity(world.stored);
    for (let at = 1; at <= 25; at += 1) {
      await trail.record(grantId(other.key), { event: 'disconnected', at, outcome: 'retrying' });
    }
    const { activity, next } = await b.json<Trail>('/api/activity');
    expect(activity.map(({ event }) => event)).toContain('disconnected');
    expect(next).toMatch(/./);
    const cookie = decodeURIComponent(b.cookies.get('fc_session')!);
    const { fields, headers, paths } = naming(other, cookie.slice(2, cookie.indexOf('.')));
    for (const [name, value] of Object.entries(fields)) {
      if (/^\w+$/.test(name)) a.browser.cookies.set(name, encodeURIComponent(value));
    }
    for (const before of ['', next ?? '', grantId(other.key), activityKey(grantId(other.key))]) {
      const query = new URLSearchParams({ ...fields, before }).toString();
      for (const path of ['/portal/account', '/api/activity', '/api/sessions']) {
        const { status, text } = await a.browser.send(`${path}?${query}`, { headers });
        expect(status).toBe(200);
        expect(text).not.toMatch(/disconnected|Disconnected|Firefox/);
      }
    }
    for (const path of paths) {
      expect((await a.browser.send(`/portal/account/${path}`)).status).toBe(404);
      expect((await a.browser.send(`/api/activity/${path}`)).status).toBe(404);
    }
    expect(await sessionOf(b)).toMatchObject({ signedIn: true });
  });

  const hostile = [
    ...[
      'a',
      'A',
      'ab',
      'a:b',
      ':',
      'Practitioner:a',
      '*',
      'a*',
      '?',
      '[a]',
      '{a}',
      '}:{',
      '\\',
      'a/b',
    ],
    ...['..', '%', '%61', 'a%3Ab', '+', ' ', ' a', 'a ', '\u00e9', 'e\u0301', '\u212b', '\u00c5'],
    ...[
      '\u{1F33F}',
      'a\u200b',
      'a\n',
      '\u0000',
      '0',
      '00',
      '__proto__',
      'null',
      "a'b",
      'a!',
      '~',
      '(a)',
    ],
  ];

  it('SR-40 ids with : * {} / and alike letters → no two have a name in common, and none a separator', () => {
    const names = hostile.map((id) => grantId(keyOfOwner(id)));
    expect(new Set(names).size).toBe(hostile.length);
    for (const name of names) expect(name).toMatch(/^us-sandbox:Practitioner:[\w.%-]+$/);
  });

  const ids = ['a', 'A', 'a:b', 'a*', '{a}', 'a/b', 'a%3Ab', 'a ', 'e\u0301', '__proto__'];
  const owners: ResourceOwner[] = [
    ...[...ids, 'x'.repeat(255)].map((id) => ({ id, type: 'Practitioner' as const })),
    { id: 'a', type: 'Staff' },
  ];

  /** One of each of these owners, signed in. Refreshes leave the owner out, as servers may. */
  async function everybody(): Promise<Somebody[]> {
    const found: Somebody[] = [];
    for (const owner of owners) {
      const { faults, people } = world.simulator;
      faults.add({ endpoint: 'token', kind: 'change_owner', owner, times: 1 });
      const one = await arrive(people[0]!.id);
      expect(one.visitor.key.owner).toEqual(owner);
      found.push(one);
    }
    const fields = ['resource_owner'];
    world.simulator.faults.add({ endpoint: 'token', kind: 'missing_field', fields });
    return found;
  }

  const grantsLeft = async () => {
    const keys = await world.stored.keys('fc:1:grant:*');
    const there = await Promise.all(keys.map((key) => world.stored.hexists(key, 's')));
    return there.filter((one) => one === 1).length;
  };
  const sessionsLeft = async () => (await world.stored.keys('fc:1:session:*')).length;

  it('SR-40 users with such ids → each is used, refreshed, disconnected and signed out alone', async () => {
    const all = await everybody();
    expect(await grantsLeft()).toBe(owners.length);
    expect(new Set(await Promise.all(all.map(({ browser }) => browser.csrfToken()))).size).toBe(
      owners.length,
    );
    for (const one of all) {
      const before = await pairOf(one);
      world.simulator.requests.length = 0;
      world.simulator.expireAccessTokens();
      expect((await one.browser.send(CLINIC)).status).toBe(200);
      const after = await pairOf(one);
      const [rejected, refresh, accepted] = world.simulator.requests;
      expect(rejected?.headers.authorization).toBe(`Bearer ${before.access}`);
      expect(JSON.parse(refresh!.body)).toMatchObject({ refresh_token: before.refresh });
      expect(accepted?.headers.authorization).toBe(`Bearer ${after.access}`);
      expect(after.refresh).not.toBe(before.refresh);
    }
    expect(await grantsLeft()).toBe(owners.length);
    for (const [at, one] of all.entries()) {
      const { access, refresh } = await pairOf(one);
      world.simulator.requests.length = 0;
      expect(await one.browser.post('/oauth/disconnect')).toMatchObject({
        location: '/portal?disconnected=yes',
      });
      const revoked = world.simulator.requests.map(
        ({ body }) => (JSON.parse(body) as { token: string }).token,
      );
      expect(revoked).toEqual([refresh, access]);
      expect(await grantsLeft()).toBe(owners.length - at - 1);
    }
    expect(await sessionsLeft()).toBe(owners.length);
    for (const [at, { browser, visitor }] of all.entries()) {
      expect((await sessionOf(browser)).resourceOwner).toEqual(visitor.key.owner);
      expect((await browser.post('/sign-out/everywhere')).status).toBe(303);
      expect(await sessionsLeft()).toBe(owners.length - at - 1);
    }
  });
});
