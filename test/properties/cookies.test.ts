import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Request, Response } from 'express';
import fc from 'fast-check';
import { createBindingCookies } from '../../src/http/binding-cookie.js';
import { cookieName, readCookies } from '../../src/http/cookies.js';
import { type App, type World, openWorld } from '../support/world.js';

const MINUTE = 60_000;
const STATE_ID = 'AbCdEfGhIjKlMnOp';
const BINDING = 'b1nd1ng-b1nd1ng-b1nd1n';
/** For whom a start was counted. */
const CALLER = 'caller-caller-caller-1';

/** A request that carries nothing but this header. */
function requestWith(cookie: string | undefined): Request {
  return { headers: { cookie } } as unknown as Request;
}

/** Keeps what is set, under its name. */
function recordingResponse(jar: Map<string, string>): Response {
  const cookie = (name: string, value: string) => jar.set(name, value);
  return { cookie, clearCookie: (name: string) => jar.delete(name) } as unknown as Response;
}

const PIECES = [
  ...[';', '; ', '=', '==', ',', ' ', '\t', '"', '%', '%00', '\\', '😀', '__Host-', '__Secure-'],
  ...['fc_auth_', 'fc_session', '$Path', '__proto__', 'constructor', 's%3A', 's:', '.', 'a', 'Z9'],
  ...[STATE_ID, BINDING, `fc_auth_${STATE_ID}=`, `__Host-fc_auth_${STATE_ID}=`],
];
const header = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: fc.constantFrom(...PIECES), maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
const RUNS = { numRuns: 600 };

describe('SR-19', () => {
  it('SR-19 any Cookie header → is read without a throw, and every value stands in it as it is', () => {
    fc.assert(
      fc.property(fc.option(header, { nil: undefined }), (text) => {
        for (const [name, value] of readCookies(requestWith(text))) {
          expect(text).toContain(name);
          expect(text).toContain(value);
          expect(name).not.toMatch(/^$|[;=]/);
          expect(value).not.toContain(';');
        }
      }),
      RUNS,
    );
  });

  it('SR-19 cookies as browsers send them → each one, and the first of a name', () => {
    const pair = fc.tuple(
      fc.stringMatching(/^[\w-]{1,10}$/),
      fc.stringMatching(/^[\w.%=:-]{0,20}$/),
    );
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 8 }), (pairs) => {
        const text = pairs.map((one) => one.join('=')).join('; ');
        const first = new Map([...pairs].reverse());
        expect(new Map(readCookies(requestWith(text)))).toEqual(first);
      }),
    );
  });

  it.each([true, false])(
    'SR-19 any Cookie header (https: %s) → a binding is the one that was set for this state, or none',
    (secure) => {
      const bindings = createBindingCookies({
        ...{ secure, lifetimeMs: 10 * MINUTE, secrets: ['secret-1'] },
        now: Date.now,
      });
      const jar = new Map<string, string>();
      const sign = { stateId: STATE_ID, binding: BINDING, startedBy: CALLER };
      bindings.set(requestWith(undefined), recordingResponse(jar), sign);
      const [name, value] = [...jar][0]!;
      expect(name).toBe(cookieName(`fc_auth_${STATE_ID}`, secure));
      const own = fc.constantFrom(`${name}=${value}`, `${name}=${value}x`, `x${name}=${value}`);
      const seen = { found: 0, none: 0 };
      fc.assert(
        fc.property(fc.array(fc.oneof(own, header), { maxLength: 5 }), (parts) => {
          const req = requestWith(parts.join('; '));
          const found = bindings.get(req, STATE_ID);
          const held = readCookies(req).get(name);
          seen[found === undefined ? 'none' : 'found'] += 1;
          const { binding, startedBy } = sign;
          expect(found).toEqual(held === value ? { binding, startedBy } : undefined);
          expect(bindings.get(req, STATE_ID.toLowerCase())).toBeUndefined();
        }),
        RUNS,
      );
      expect(seen.found).toBeGreaterThan(0);
      expect(seen.none).toBeGreaterThan(0);
    },
  );

  it('SR-19 any Cookie header → a sign-in is added to it without a throw, and at most twenty are left', () => {
    const bindings = createBindingCookies({
      ...{ secure: true, lifetimeMs: MINUTE, secrets: ['secret-1'] },
      now: Date.now,
    });
    const sign = { binding: BINDING, startedBy: CALLER };
    const stateId = fc.stringMatching(/^[\w-]{16}$/);
    fc.assert(
      fc.property(fc.array(stateId, { maxLength: 30 }), header, (stateIds, noise) => {
        const jar = new Map<string, string>();
        for (const id of stateIds) {
          const sent = [...jar].map((pair) => pair.join('=')).join('; ');
          const req = requestWith(`${sent}; ${noise}`);
          bindings.set(req, recordingResponse(jar), { stateId: id, ...sign });
          expect(jar.size).toBeLessThanOrEqual(20);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('SR-22', () => {
  let world: World;
  let app: App;

  beforeAll(async () => {
    world = await openWorld();
    app = await world.start();
  });

  afterAll(() => world.close());

  const ask = (cookie: string) => fetch(`${app.origin}/api/session`, { headers: { cookie } });

  it('SR-22 any session cookie but the one that was issued → nobody is signed in, no cookie is set', async () => {
    const browser = app.browser();
    await browser.signIn(world.simulator.people[0]!.id);
    const issued = browser.cookies.get('fc_session')!;
    expect(await (await ask(`fc_session=${issued}`)).json()).toMatchObject({ signedIn: true });
    const [id = '', signature = ''] = issued.replace('s%3A', '').split('.');
    const part = fc.constantFrom(id, signature, 's%3A', 's:', '.', 'j%3A', '%', '', 'A', '=', ',');
    const planted = fc
      .oneof(
        fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
        fc.string({
          unit: fc.constantFrom('s', 'S', ':', '.', '%3A', 'a', 'j', '"', '\\'),
          maxLength: 20,
        }),
        fc.nat(issued.length - 1).map((at) => issued.slice(0, at)),
        fc.stringMatching(/^[A-Za-z0-9+/]{43}$/).map((forged) => `s%3A${id}.${forged}`),
        fc.stringMatching(/^[\w-]{43}$/).map((other) => `s%3A${other}.${signature}`),
      )
      .filter((value) => !value.includes(`${id}.${signature}`));
    await fc.assert(
      fc.asyncProperty(planted, async (value) => {
        const answer = await ask(`fc_session=${value}`);
        expect(await answer.json()).toEqual({ signedIn: false });
        expect(answer.headers.getSetCookie()).toEqual([]);
      }),
      { numRuns: 100 },
    );
    expect(await (await ask(`fc_session=${issued}`)).json()).toMatchObject({ signedIn: true });
  });
});
