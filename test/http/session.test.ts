import { describe, expect, it } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { UserDisabledError } from '../../src/grants/errors.js';
import { grantId, type GrantKey } from '../../src/grants/grant.js';
import { sessionOwner, sessions, sessionStart, sessionTtl } from '../../src/http/session.js';
import { endSession, signedIn, startSession } from '../../src/http/signed-in.js';
import { createMemorySessionStore } from '../../src/memory/session-store.js';
import { ADA, BOB, cookiesOf, sentBack } from '../fixtures/visitors.js';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

const HOUR = 3_600_000;

describe('sessionTtl', () => {
  const lifetime = { idleMs: 8 * HOUR, maxMs: 168 * HOUR };
  const data = { signIn: { key: ADA, at: NOW } };

  it.each([
    ['just signed in', 0, 8 * HOUR],
    ['eight hours before the absolute limit', 160 * HOUR, 8 * HOUR],
    ['an hour before it', 167 * HOUR, HOUR],
    ['1 ms before it', 168 * HOUR - 1, 1],
    ['at it', 168 * HOUR, 1],
  ])('%s → the shorter of the two limits', (_when, later, expected) => {
    expect(sessionTtl(data, { ...lifetime, now: NOW + later })).toBe(expected);
  });
});

describe('sessionOwner', () => {
  it('signed in → the name of the grant, so that both are found together', () => {
    expect(sessionOwner({ signIn: { key: ADA, at: NOW } })).toBe(grantId(ADA));
    expect(sessionOwner({ signIn: { key: ADA, at: NOW } })).toBe(
      'us-sandbox:Practitioner:ada-0b6a2d8e',
    );
  });

  it('nobody → nothing', () => {
    expect(sessionOwner({})).toBeUndefined();
  });

  it.each(['a:b', 'é', "'()!~"])('id %s → cannot pass for another name', (id) => {
    const key: GrantKey = { ...ADA, owner: { id, type: 'Staff' } };
    expect(sessionOwner({ signIn: { key, at: NOW } })).toMatch(/^us-sandbox:Staff:[\w%.-]+$/);
  });
});

describe('sessions', () => {
  function appWith(
    options: { secure?: boolean; forgetful?: boolean; admit?: () => Promise<void> } = {},
  ) {
    const { secure = false, forgetful = true, admit = () => Promise.resolve() } = options;
    const clock = { now: NOW };
    const lifetime = { idleMs: 8 * HOUR, maxMs: 24 * HOUR };
    const now = () => clock.now;
    const store = createMemorySessionStore({
      ttlMs: (data) => (forgetful ? sessionTtl(data, { ...lifetime, now: now() }) : 1000 * HOUR),
      ownerOf: sessionOwner,
      signedInAt: sessionStart,
      now,
    });
    const app = express();
    app.set('trust proxy', 1);
    app.use(sessions({ store, secrets: ['secret-2', 'secret-1'], secure, lifetime, now }));
    app.get('/in', async (req, res) => {
      await startSession(req, { key: ADA, at: now() }, admit);
      res.send(req.sessionID);
    });
    app.get('/out', async (req, res) => {
      await endSession(req);
      res.end();
    });
    app.get('/who', (req, res) => res.send(signedIn(req)?.key.owner.id ?? 'nobody'));
    const agent = supertest(app);
    const signIn = async (cookie = '') => {
      const response = await agent.get('/in').set('Cookie', cookie);
      return {
        id: response.text,
        lines: cookiesOf(response),
        cookie: sentBack(cookiesOf(response)),
      };
    };
    const who = async (cookie: string) => (await agent.get('/who').set('Cookie', cookie)).text;
    return { agent, clock, store, signIn, who };
  }

  it('nobody signed in → no cookie', async () => {
    const { agent } = appWith();
    expect(cookiesOf(await agent.get('/who'))).toEqual([]);
  });

  it('sign-in → one cookie, HttpOnly, Lax, Path=/, no Domain, and it works', async () => {
    const { signIn, who } = appWith();
    const { lines, cookie } = await signIn();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^fc_session=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    );
    expect(await who(cookie)).toBe('ada-0b6a2d8e');
  });

  it('https behind a proxy → __Host- and Secure', async () => {
    const { agent } = appWith({ secure: true });
    const [line] = cookiesOf(await agent.get('/in').set('X-Forwarded-Proto', 'https'));
    expect(line).toMatch(
      /^__Host-fc_session=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  it('not admitted once the session is stored → no session and no cookie', async () => {
    const looks: number[] = [];
    const admit = async () => {
      looks.push((await store.list(grantId(ADA))).length);
      throw new UserDisabledError(ADA);
    };
    const { signIn, store } = appWith({ admit });
    const { lines } = await signIn();
    expect(looks).toEqual([1]);
    expect(lines).toEqual([]);
    expect(await store.list(grantId(ADA))).toEqual([]);
  });

  it('signed in again → another id, and the old cookie is dead', async () => {
    const { signIn, who } = appWith();
    const first = await signIn();
    const second = await signIn(first.cookie);
    expect(second.id).not.toBe(first.id);
    expect(await who(first.cookie)).toBe('nobody');
    expect(await who(second.cookie)).toBe('ada-0b6a2d8e');
  });

  it.each(['planted-id', 's%3Aplanted-id.signature'])(
    'cookie %s planted before sign-in → never adopted',
    async (planted) => {
      const { signIn, who } = appWith();
      const { id } = await signIn(`fc_session=${planted}`);
      expect(id).toMatch(/^[\w-]{43}$/);
      expect(await who(`fc_session=${planted}`)).toBe('nobody');
    },
  );

  it('signed out → a copy of the cookie is worth nothing', async () => {
    const { agent, signIn, who } = appWith();
    const { cookie } = await signIn();
    await agent.get('/out').set('Cookie', cookie);
    expect(await who(cookie)).toBe('nobody');
  });

  it('all sessions of the user ended → none works', async () => {
    const { signIn, store, who } = appWith();
    const [a, b] = [await signIn(), await signIn()];
    expect(await store.endAll(grantId(BOB))).toBe(0);
    expect(await store.endAll(grantId(ADA))).toBe(2);
    expect([await who(a.cookie), await who(b.cookie)]).toEqual(['nobody', 'nobody']);
  });

  it('requests all the time → the absolute limit holds all the same', async () => {
    const { clock, signIn, who } = appWith();
    const { cookie } = await signIn();
    expect(await who(cookie)).toBe('ada-0b6a2d8e');
    for (let hour = 6; hour < 24; hour += 6) {
      clock.now = NOW + hour * HOUR;
      expect(await who(cookie)).toBe('ada-0b6a2d8e');
    }
    clock.now = NOW + 24 * HOUR;
    expect(await who(cookie)).toBe('nobody');
  });

  it('a store that keeps sessions for longer → the absolute limit holds all the same', async () => {
    const { clock, signIn, who } = appWith({ forgetful: false });
    const { cookie } = await signIn();
    expect(await who(cookie)).toBe('ada-0b6a2d8e');
    clock.now = NOW + 24 * HOUR - 1;
    expect(await who(cookie)).toBe('ada-0b6a2d8e');
    clock.now = NOW + 24 * HOUR;
    expect(await who(cookie)).toBe('nobody');
    clock.now = NOW;
    expect(await who(cookie)).toBe('nobody');
  });

  it('a session at its absolute limit comes to sign in → signs in', async () => {
    const { agent, clock, signIn, who } = appWith({ forgetful: false });
    const { cookie } = await signIn();
    clock.now = NOW + 24 * HOUR;
    const response = await agent.get('/in').set('Cookie', cookie);
    expect(response.status).toBe(200);
    expect(await who(sentBack(cookiesOf(response)))).toBe('ada-0b6a2d8e');
  });

  it('no request for longer than the idle limit → over', async () => {
    const { clock, signIn, who } = appWith();
    const { cookie } = await signIn();
    clock.now = NOW + 8 * HOUR + 1;
    expect(await who(cookie)).toBe('nobody');
  });
});
