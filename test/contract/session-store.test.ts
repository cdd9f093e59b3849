import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Server } from 'node:http';
import express, { type Request } from 'express';
import session, { type Session, type SessionData } from 'express-session';
import request from 'supertest';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import type { Visitor } from '../../src/grants/user-sessions.js';
import { createMemorySessionStore } from '../../src/memory/session-store.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { sessionHash, sessionKey, userSessionsKey } from '../../src/redis/keys.js';
import { type SessionStore, createRedisSessionStore } from '../../src/redis/session-store.js';
import { type Stage, connectTo, sessionRules, stages, until } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

declare module 'express-session' {
  interface SessionData {
    owner: string;
    note: string;
    ttlMs: number;
    since: number;
    visitor: Visitor;
  }
}

type Loaded = Session & SessionData;
type Fields = Partial<Pick<SessionData, 'owner' | 'note' | 'ttlMs' | 'since' | 'visitor'>>;

let sids = 0;
const prepared = new WeakSet<SessionStore>();

/** A session as express-session generates it for a new visitor: with its own generator. */
function generated(store: SessionStore, fields: Fields = {}): Loaded {
  if (!prepared.has(store)) {
    const genid = () => `sid-${(sids += 1)}`;
    session({ store, secret: 's', resave: false, saveUninitialized: false, genid });
    prepared.add(store);
  }
  const req = { sessionStore: store } as unknown as Request;
  (store as unknown as { generate: (req: Request) => void }).generate(req);
  return Object.assign(req.session, fields) as Loaded;
}

/** A session as express-session loads it for a cookie. */
function load(store: SessionStore, sid: string): Promise<Loaded | undefined> {
  return new Promise((resolve, reject) =>
    store.load(sid, (error: unknown, found) =>
      error instanceof Error ? reject(error) : resolve(found as Loaded | undefined),
    ),
  );
}

type Act = (done: (error?: unknown) => void) => unknown;

function finished(act: Act): Promise<void> {
  return new Promise((resolve, reject) =>
    act((error) => (error instanceof Error ? reject(error) : resolve())),
  );
}

const save = (one: Loaded) => finished((done) => one.save(done));
const touch = (store: SessionStore, one: Loaded) =>
  finished((done) => store.touch?.(one.id, one, done));
const destroy = (store: SessionStore, sid: string) => finished((done) => store.destroy(sid, done));

async function stored(store: SessionStore, fields: Fields = {}): Promise<Loaded> {
  const made = generated(store, fields);
  await save(made);
  return (await load(store, made.id))!;
}

describe.each(stages)('SessionStore of %s', (_name, open) => {
  let stage: Stage;
  let store: SessionStore;

  beforeAll(async () => {
    stage = await open();
    store = stage.sessions;
  });

  afterAll(() => stage.close());

  it('unknown id → no session', async () => {
    expect(await load(store, 'unknown')).toBeUndefined();
  });

  it('generated and saved → loaded with what was put in', async () => {
    const one = await stored(store, { owner: 'olga', note: 'hello' });
    expect(one).toMatchObject({ owner: 'olga', note: 'hello' });
    expect(one.cookie).toBeInstanceOf(session.Cookie);
  });

  it('loaded, changed and saved → the change is stored', async () => {
    const one = await stored(store, { note: 'before' });
    one.note = 'after';
    await save(one);
    expect(await load(store, one.id)).toMatchObject({ note: 'after' });
  });

  it('generated and saved twice at once → stored once, with the later content', async () => {
    const one = generated(store, { note: 'first' });
    const first = save(one);
    one.note = 'second';
    await Promise.all([first, save(one)]);
    expect(await load(store, one.id)).toMatchObject({ note: 'second' });
  });

  it('loaded twice → changing one copy does not change the other', async () => {
    const one = await stored(store, { note: 'mine' });
    const other = (await load(store, one.id))!;
    other.note = 'changed';
    expect(await load(store, one.id)).toMatchObject({ note: 'mine' });
  });

  it('destroyed → gone; destroying again is no error', async () => {
    const one = await stored(store, { owner: 'dora' });
    await destroy(store, one.id);
    await destroy(store, one.id);
    expect(await load(store, one.id)).toBeUndefined();
  });

  it('loaded, destroyed elsewhere, saved → stays gone, and the save is no error', async () => {
    const one = await stored(store, { owner: 'dora' });
    await destroy(store, one.id);
    one.note = 'late';
    await save(one);
    expect(await load(store, one.id)).toBeUndefined();
  });

  it('generated, saved, destroyed elsewhere, saved again → stays gone', async () => {
    const one = generated(store, { owner: 'dora' });
    await save(one);
    await destroy(store, one.id);
    one.note = 'late';
    await save(one);
    expect(await load(store, one.id)).toBeUndefined();
  });

  it('neither generated nor loaded here → not created', async () => {
    const one = generated(store, { note: 'real' });
    const copy = JSON.parse(JSON.stringify(one)) as SessionData;
    await finished((done) => store.set('made-up', copy, done));
    expect(await load(store, 'made-up')).toBeUndefined();
  });

  it('loaded, destroyed elsewhere, touched → stays gone', async () => {
    const one = await stored(store);
    await destroy(store, one.id);
    await touch(store, one);
    expect(await load(store, one.id)).toBeUndefined();
  });

  it('lifetime over → gone', async () => {
    const one = generated(store, { ttlMs: 40 });
    await save(one);
    await until(async () => (await load(store, one.id)) === undefined);
    one.note = 'late';
    await save(one);
    expect(await load(store, one.id)).toBeUndefined();
  });

  it.each([0, -5_000])('saved with %i ms to live → ended', async (ttlMs) => {
    const one = await stored(store, { owner: 'zoe' });
    one.ttlMs = ttlMs;
    await save(one);
    expect(await load(store, one.id)).toBeUndefined();
  });

  it('endAll → ends all sessions of the owner and no other one', async () => {
    const own = await Promise.all([1, 2, 3].map(() => stored(store, { owner: 'anna' })));
    const others = [await stored(store, { owner: 'berta' }), await stored(store)];
    expect(await store.endAll('anna')).toBe(3);
    for (const one of own) expect(await load(store, one.id)).toBeUndefined();
    for (const one of others) expect(await load(store, one.id)).toBeDefined();
    expect(await store.endAll('anna')).toBe(0);
  });

  it('endAll while sessions are in use → neither a save nor a touch brings one back', async () => {
    const own = await Promise.all([1, 2, 3, 4].map(() => stored(store, { owner: 'carla' })));
    const late = own.flatMap((one) => [
      save(Object.assign(one, { note: 'late' })),
      touch(store, one),
    ]);
    const ended = store.endAll('carla');
    await Promise.all([...late, ended, ...own.map(save)]);
    for (const one of own) expect(await load(store, one.id)).toBeUndefined();
  });

  it('signed in again after endAll → the new session lives and can be ended', async () => {
    await stored(store, { owner: 'emma' });
    await store.endAll('emma');
    const again = await stored(store, { owner: 'emma' });
    expect(await load(store, again.id)).toBeDefined();
    expect(await store.endAll('emma')).toBe(1);
  });

  it('listed → the owner’s sessions, the newest first, under names that open nothing', async () => {
    const old = await stored(store, { owner: 'gerda', since: 1_000 });
    const young = await stored(store, { owner: 'gerda', since: 2_000 });
    const ended = await stored(store, { owner: 'gerda', since: 3_000 });
    await stored(store, { owner: 'heidi', since: 4_000 });
    await destroy(store, ended.id);
    const listed = await store.list('gerda');
    expect(listed).toEqual([
      { name: store.nameOf(young.id), signedInAt: 2_000 },
      { name: store.nameOf(old.id), signedInAt: 1_000 },
    ]);
    for (const { name } of listed) {
      expect(name).toMatch(/^[\w-]{12}$/);
      expect(old.id + young.id).not.toContain(name);
      expect(await load(store, name)).toBeUndefined();
    }
    expect(await store.list('nobody')).toEqual([]);
  });

  it('listed → with device and place, as far as the session says them', async () => {
    const visitors = [
      { device: 'Firefox on Linux', address: '2001:db8::7' },
      { device: 'Chrome' },
      {},
    ];
    for (const [at, visitor] of visitors.entries()) {
      await stored(store, { owner: 'paula', since: 9 - at, visitor });
    }
    const listed = await store.list('paula');
    expect(listed.map(({ device, address }) => ({ device, address }))).toEqual(visitors);
    expect(listed.map((one) => Object.keys(one).length)).toEqual([4, 3, 2]);
  });

  it('endOne → ends the one that is named, and says so once', async () => {
    const [one, other] = [
      await stored(store, { owner: 'ilse' }),
      await stored(store, { owner: 'ilse' }),
    ];
    expect(await store.endOne('ilse', store.nameOf(one.id))).toBe(true);
    expect(await load(store, one.id)).toBeUndefined();
    expect(await load(store, other.id)).toBeDefined();
    expect(await store.endOne('ilse', store.nameOf(one.id))).toBe(false);
  });

  it('endOne with a name of somebody else’s session, a part of a name, or none → ends nothing', async () => {
    const [own, others] = [
      await stored(store, { owner: 'judith' }),
      await stored(store, { owner: 'karla' }),
    ];
    const name = store.nameOf(own.id);
    const wrong = [store.nameOf(others.id), name.slice(0, 11), `${name}A`, '', '*', own.id];
    for (const one of wrong) expect(await store.endOne('judith', one)).toBe(false);
    expect(await load(store, own.id)).toBeDefined();
    expect(await load(store, others.id)).toBeDefined();
  });

  it('endOne while the session is in use → neither a save nor a touch brings it back', async () => {
    const one = await stored(store, { owner: 'laura' });
    const late = [save(Object.assign(one, { note: 'late' })), touch(store, one)];
    await Promise.all([...late, store.endOne('laura', store.nameOf(one.id)), save(one)]);
    await save(one);
    expect(await load(store, one.id)).toBeUndefined();
    expect(await store.list('laura')).toEqual([]);
  });

  it('endAll except one → that one lives', async () => {
    const own = await Promise.all([1, 2, 3].map(() => stored(store, { owner: 'maria' })));
    expect(await store.endAll('maria', store.nameOf(own[1]!.id))).toBe(2);
    expect(await load(store, own[0]!.id)).toBeUndefined();
    expect(await load(store, own[1]!.id)).toBeDefined();
    expect(await store.list('maria')).toHaveLength(1);
  });

  it('destroyed sessions → not counted by endAll', async () => {
    const one = await stored(store, { owner: 'frida' });
    await stored(store, { owner: 'frida' });
    await destroy(store, one.id);
    expect(await store.endAll('frida')).toBe(1);
  });

  it('endEverybody → ends all sessions of everybody; who signs in again is in', async () => {
    await store.endEverybody();
    const owners = Array.from({ length: 250 }, (_, at) => `owner-${at % 50}`);
    const all = await Promise.all(owners.map((owner) => stored(store, { owner })));
    all.push(await stored(store));
    const late = [save(Object.assign(all[0]!, { note: 'late' })), touch(store, all[1]!)];
    const [ended] = await Promise.all([store.endEverybody(), ...late]);
    expect(ended).toBe(251);
    await Promise.all(all.slice(0, 10).map(save));
    const left = await Promise.all(all.map(({ id }) => load(store, id)));
    expect(left.filter((one) => one !== undefined)).toEqual([]);
    expect(await store.list('owner-0')).toEqual([]);
    expect(await store.endEverybody()).toBe(0);
    const again = await stored(store, { owner: 'owner-0' });
    expect(await load(store, again.id)).toBeDefined();
  });
});

/** An app with one slow route, which holds its session while others end it. */
function openApp(store: SessionStore) {
  const app = express();
  let reached: () => void = () => undefined;
  let proceed: Promise<void> = Promise.resolve();
  app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: false }));
  app.post('/sign-in', (req, res, next) => {
    req.session.regenerate((error: unknown) => {
      if (error !== null && error !== undefined) {
        next(error);
        return;
      }
      req.session.owner = 'user';
      res.end();
    });
  });
  app.get('/who', (req, res) => void res.send(req.session.owner ?? 'nobody'));
  app.post('/slow', async (req, res) => {
    reached();
    await proceed;
    req.session.note = 'written late';
    res.end();
  });
  app.post('/sign-out', (req, res) => void req.session.destroy(() => res.end()));
  app.post('/sign-out/everywhere', async (_req, res) => {
    await store.endAll('user');
    res.end();
  });
  const gate = () => {
    let open: () => void = () => undefined;
    const entered = new Promise<void>((resolve) => (reached = resolve));
    proceed = new Promise<void>((resolve) => (open = resolve));
    return { entered, open };
  };
  return { app, gate };
}

describe.each(stages)('express-session on %s', (_name, open) => {
  let stage: Stage;
  let server: Server;
  let gate: ReturnType<typeof openApp>['gate'];

  beforeAll(async () => {
    stage = await open();
    const opened = openApp(stage.sessions);
    gate = opened.gate;
    server = opened.app.listen(0, '127.0.0.1');
  });

  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    await stage.close();
  });

  async function signIn(): Promise<string> {
    const answer = await request(server).post('/sign-in').expect(200);
    return answer.headers['set-cookie']![0]!.split(';')[0]!;
  }

  const who = async (cookie: string) =>
    (await request(server).get('/who').set('cookie', cookie).expect(200)).text;

  it('signed in → known on the next request', async () => {
    expect(await who(await signIn())).toBe('user');
  });

  it.each(['/sign-out', '/sign-out/everywhere'])(
    '%s while a slow request writes the session → never alive again, 10 of 10',
    async (path) => {
      for (let round = 0; round < 10; round += 1) {
        const cookie = await signIn();
        const { entered, open: proceed } = gate();
        const slow = request(server).post('/slow').set('cookie', cookie).expect(200);
        const answered = slow.then(() => 'answered');
        await entered;
        await request(server).post(path).set('cookie', cookie).expect(200);
        proceed();
        expect(await answered).toBe('answered');
        expect(await who(cookie)).toBe('nobody');
      }
    },
  );
});

describe('session records in redis', () => {
  let redis: TestRedis;
  let client: RedisClient;
  let store: SessionStore;
  let clock = 0;
  const touchErrors: unknown[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    client = await connectTo(redis);
    store = newStore();
  });

  afterAll(async () => {
    await closeRedis(client);
    await redis.stop();
  });

  const newStore = () =>
    createRedisSessionStore({
      client,
      ...sessionRules,
      now: () => clock,
      onTouchError: (error) => touchErrors.push(error),
    });
  const keyOf = (one: Loaded) => sessionKey(sessionHash(one.id));

  it('saved → under the hash of its id; the id itself is nowhere', async () => {
    const one = await stored(store, { owner: 'hanna' });
    const keys = await client.keys('*');
    expect(keys).toContain(keyOf(one));
    expect(keys.join()).not.toContain(one.id);
    expect((await client.zrange(userSessionsKey('hanna'), '0', '-1')).join()).not.toContain(one.id);
    expect(await client.get(keyOf(one))).not.toContain(one.id);
  });

  it('saved → lives for ttlMs, to the millisecond', async () => {
    const one = await stored(store, { ttlMs: 123_456 });
    const left = await client.pttl(keyOf(one));
    expect(left).toBeGreaterThan(113_456);
    expect(left).toBeLessThanOrEqual(123_456);
  });

  it('indexed → the index outlives the longest session', async () => {
    await stored(store, { owner: 'ida', ttlMs: 500_000 });
    await stored(store, { owner: 'ida', ttlMs: 1_000 });
    expect(await client.zcard(userSessionsKey('ida'))).toBe(2);
    expect(await client.pttl(userSessionsKey('ida'))).toBeGreaterThan(500_000);
  });

  it('entries that have ended → trimmed by the next write', async () => {
    await client.zadd(userSessionsKey('jana'), Date.now() - 1, 'ended');
    await stored(store, { owner: 'jana' });
    expect(await client.zrange(userSessionsKey('jana'), '0', '-1')).not.toContain('ended');
  });

  it('endAll, destroy → the index is gone too', async () => {
    await stored(store, { owner: 'kira' });
    await store.endAll('kira');
    expect(await client.exists(userSessionsKey('kira'))).toBe(0);
    const one = await stored(store, { owner: 'kira' });
    await destroy(store, one.id);
    expect(await client.exists(userSessionsKey('kira'))).toBe(0);
  });

  it('endEverybody → the indexes are gone too; nothing else is touched', async () => {
    await stored(store, { owner: 'paula' });
    await client.set('fc:1:lock:{paula}', 'holder');
    await store.endEverybody();
    expect(await client.keys('fc:1:*session*')).toEqual([]);
    expect(await client.getdel('fc:1:lock:{paula}')).toBe('holder');
  });

  it('a sign-in that is being written during endAll → found by the next endAll', async () => {
    const one = generated(store, { owner: 'lena' });
    await client.zadd(userSessionsKey('lena'), Date.now() + 60_000, sessionHash(one.id));
    expect(await store.endAll('lena')).toBe(0);
    await client.set(keyOf(one), JSON.stringify(one), 'PX', 60_000);
    expect(await store.endAll('lena')).toBe(1);
  });

  it('touched → extended once a minute, with its entry in the index', async () => {
    const one = await stored(store, { owner: 'mona', ttlMs: 10_000 });
    one.ttlMs = 900_000;
    await touch(store, one);
    expect(await client.pttl(keyOf(one))).toBeLessThanOrEqual(10_000);
    clock += 60_000;
    await touch(store, one);
    await until(async () => (await client.pttl(keyOf(one))) > 800_000);
    expect(await client.pttl(userSessionsKey('mona'))).toBeGreaterThan(800_000);
    one.ttlMs = 10_000;
    clock += 59_999;
    await touch(store, one);
    await client.ping();
    expect(await client.pttl(keyOf(one))).toBeGreaterThan(800_000);
  });

  it('touched in another process → extended at once', async () => {
    const one = await stored(store, { ttlMs: 10_000 });
    one.ttlMs = 900_000;
    await touch(newStore(), one);
    await until(async () => (await client.pttl(keyOf(one))) > 800_000);
  });

  it('touched after it was ended → no record and no entry', async () => {
    const one = await stored(store, { owner: 'nina' });
    await store.endAll('nina');
    await touch(newStore(), one);
    await client.ping();
    await client.ping();
    expect(await client.exists(keyOf(one), userSessionsKey('nina'))).toBe(0);
  });

  it.each(['garbage', '', 'null', '7', '[]', '{}', '{"cookie":null}', '{"cookie":"x"}'])(
    'record is %j → no session',
    async (text) => {
      await client.set(sessionKey(sessionHash('broken')), text);
      expect(await load(store, 'broken')).toBeUndefined();
      await destroy(store, 'broken');
    },
  );

  it('redis down → StoreUnavailableError, but a touch lets the request go on', async () => {
    const one = await stored(store, { owner: 'olga' });
    await redis.kill();
    await until(() => client.status !== 'ready');
    await expect(load(store, one.id)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(save(one)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(destroy(store, one.id)).rejects.toBeInstanceOf(StoreUnavailableError);
    for (const failed of [
      store.endAll('olga'),
      store.endOne('olga', store.nameOf(one.id)),
      store.list('olga'),
      store.endEverybody(),
    ]) {
      await expect(failed).rejects.toBeInstanceOf(StoreUnavailableError);
    }
    clock += 60_000;
    await touch(store, one);
    await until(() => touchErrors.length > 0);
    expect(touchErrors[0]).toBeInstanceOf(StoreUnavailableError);
  });

  it('a first save failed → the next one creates the session', async () => {
    const one = generated(store, { note: 'kept' });
    await expect(save(one)).rejects.toBeInstanceOf(StoreUnavailableError);
    await redis.restart();
    await until(() => client.status === 'ready');
    await save(one);
    expect(await load(store, one.id)).toMatchObject({ note: 'kept' });
  });
});

describe('session records in memory', () => {
  it('touched → extended by the given clock', async () => {
    let now = 0;
    const store = createMemorySessionStore({ ...sessionRules, now: () => now });
    const one = await stored(store, { ttlMs: 1_000 });
    now = 900;
    await touch(store, one);
    now = 1_800;
    expect(await load(store, one.id)).toBeDefined();
    now = 1_900;
    expect(await load(store, one.id)).toBeUndefined();
  });
});
