import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Server } from 'node:http';
import express from 'express';
import session, { type SessionData } from 'express-session';
import request from 'supertest';
import type { SessionStore } from '../../src/redis/session-store.js';
import { type Stage } from '../support/contract.js';
import {
  type Loaded,
  SIGN_IN,
  destroy,
  finished,
  generated,
  load,
  save,
  stored,
  touch,
} from '../support/stored-sessions.js';
import { until } from '../support/until.js';

export function sessionStoreContract(openStage: () => Promise<Stage>): void {
  describe('SessionStore', () => {
    let stage: Stage;
    let store: SessionStore;

    beforeAll(async () => {
      stage = await openStage();
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

    it('begun → unused, also when its answer saves it once more, until a request shows it', async () => {
      const [touched, changed] = [generated(store), generated(store)];
      const uses = () => Promise.all([touched, changed].map(({ id }) => store.useOf(id)));
      for (const one of [touched, changed, touched, changed]) await save(one);
      expect(await uses()).toEqual(['unused', 'unused']);
      await touch(store, (await load(store, touched.id))!);
      const loaded = (await load(store, changed.id))!;
      loaded.note = 'changed';
      await save(loaded);
      await until(async () => (await uses()).every((use) => use === 'used'));
    });

    it('unused and destroyed, or never there → ended', async () => {
      const one = await stored(store);
      await destroy(store, one.id);
      expect(await store.useOf(one.id)).toBe('ended');
      expect(await store.useOf('never there')).toBe('ended');
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

    /** Sessions of an owner that began one after the other, some seconds ago. */
    const inOrder = async (owner: string, count: number) => {
      const all: Loaded[] = [];
      for (let at = 0; at < count; at += 1) {
        const since = Date.now() - 25_000 + at * 1_000;
        all.push(await stored(store, { owner, since, ttlMs: 60_000 }));
      }
      return all;
    };
    const alive = async (all: readonly Loaded[]) => {
      const found = await Promise.all(all.map(({ id }) => load(store, id)));
      return found.map((one) => one !== undefined);
    };

    it('endIdlest → ends what is beyond the limit, those not used for longest, of this owner alone', async () => {
      const all = await inOrder('nora', 5);
      const others = await inOrder('nele', 5);
      const current = store.nameOf(all[4]!.id);
      expect(await store.endIdlest('nora', { most: 3, current })).toBe(2);
      expect(await alive(all)).toEqual([false, false, true, true, true]);
      expect(await alive(others)).toEqual(Array(5).fill(true));
      expect(await store.list('nora')).toHaveLength(3);
      expect(await store.endIdlest('nora', { most: 3, current })).toBe(0);
      expect(await store.endIdlest('nobody', { most: 3, current })).toBe(0);
    });

    it('endIdlest → one that was used lately stays, however old it is', async () => {
      const all = await inOrder('paul', 3);
      await save(Object.assign(all[0]!, { note: 'used' }));
      const current = store.nameOf(all[2]!.id);
      expect(await store.endIdlest('paul', { most: 2, current })).toBe(1);
      expect(await alive(all)).toEqual([true, false, true]);
    });

    it('endIdlest when the new session is the one not used for longest → it stays', async () => {
      const all = await inOrder('quirin', 4);
      const current = store.nameOf(all[0]!.id);
      expect(await store.endIdlest('quirin', { most: 2, current })).toBe(1);
      expect(await alive(all)).toEqual([true, false, true, true]);
    });

    it('endIdlest for two that sign in at the same time → one of the two stays, with a limit of one', async () => {
      const all = await inOrder('rosa', 3);
      const ends = [all[2]!, all[1]!].map(({ id }) =>
        store.endIdlest('rosa', { most: 1, current: store.nameOf(id) }),
      );
      await Promise.all(ends);
      expect(await alive(all)).toEqual([false, false, true]);
    });

    it('endIdlest while a session is in use → neither a save nor a touch brings it back', async () => {
      const all = await inOrder('sven', 2);
      const [idle, current] = [all[0]!, store.nameOf(all[1]!.id)];
      await store.endIdlest('sven', { most: 1, current });
      await Promise.all([save(Object.assign(idle, { note: 'late' })), touch(store, idle)]);
      expect(await alive(all)).toEqual([false, true]);
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
}

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
      Object.assign(req.session, { owner: 'user', signIn: SIGN_IN });
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

export function expressSessionContract(openStage: () => Promise<Stage>): void {
  describe('express-session', () => {
    let stage: Stage;
    let server: Server;
    let gate: ReturnType<typeof openApp>['gate'];

    beforeAll(async () => {
      stage = await openStage();
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
      '%s while a slow request writes the session → never alive again',
      async (path) => {
        const cookie = await signIn();
        const { entered, open: proceed } = gate();
        const slow = request(server).post('/slow').set('cookie', cookie).expect(200);
        const answered = slow.then(() => 'answered');
        await entered;
        await request(server).post(path).set('cookie', cookie).expect(200);
        proceed();
        expect(await answered).toBe('answered');
        expect(await who(cookie)).toBe('nobody');
      },
    );
  });
}
