import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import type { Grant, GrantKey } from '../../src/grants/grant.js';
import { rejection } from '../fixtures/shown.js';
import { type Custody, openCustody } from '../support/custody.js';

const LIFETIME = 7200_000;

let world: Custody;
let key: GrantKey;
/** What the store is asked, and whether it is there. */
let store: { reads: number; readsFail: boolean; writesFail: boolean };

beforeEach(async () => {
  store = { reads: 0, readsFail: false, writesFail: false };
  const records = (inner: GrantRecords): GrantRecords => ({
    ...inner,
    read: async (id) => {
      store.reads += 1;
      if (store.readsFail) throw new StoreUnavailableError('read', new Error('down'));
      return inner.read(id);
    },
    compareAndSet: (...args) => {
      if (store.writesFail) throw new StoreUnavailableError('save', new Error('down'));
      return inner.compareAndSet(...args);
    },
  });
  world = await openCustody({ records });
  key = await world.connect();
  store.reads = 0;
});

afterEach(() => world.close());

const token = ({ tokens }: Grant) => tokens.accessToken.reveal();

describe('readAhead', () => {
  it('→ begins to read at once, and says for whom', async () => {
    const ahead = world.refresher().readAhead(key);
    expect(store.reads).toBe(1);
    expect(ahead.key).toBe(key);
    expect(await ahead.grant).toMatchObject({ key, version: 1 });
  });

  it('a look that fails and that nobody goes on with → is nobody’s trouble', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    try {
      store.readsFail = true;
      world.refresher().readAhead(key);
      // It is told of at the end of a turn.
      await nextTurn();
      expect([store.reads, unhandled]).toEqual([1, []]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  it('a key that is none → fails as a promise, for whoever goes on with it', async () => {
    const refresher = world.refresher();
    const ahead = refresher.readAhead({ registration: 'us-sandbox' } as GrantKey);
    expect(await rejection(ahead.grant)).toBeInstanceOf(TypeError);
  });
});

describe('currentOf', () => {
  it('a token that is fresh → that of the look, and no other look', async () => {
    const refresher = world.refresher();
    const ahead = refresher.readAhead(key);
    const grant = await refresher.currentOf(ahead);
    expect(grant).toBe(await ahead.grant);
    expect([store.reads, world.simulator.stats.refreshes]).toEqual([1, 0]);
  });

  it('an expired token → read again under the lock, refreshed once', async () => {
    const refresher = world.refresher();
    world.clock.advance(LIFETIME);
    const ahead = refresher.readAhead(key);
    const before = token((await ahead.grant)!);
    const grant = await refresher.currentOf(ahead);
    expect(token(grant)).not.toBe(before);
    expect(grant.version).toBe(2);
    expect(world.simulator.stats.refreshes).toBe(1);
    expect(store.reads).toBeGreaterThanOrEqual(2);
  });

  it('refreshed elsewhere since the look → what was saved there, and no second refresh', async () => {
    const [here, elsewhere] = [world.refresher(), world.refresher()];
    world.clock.advance(LIFETIME);
    const ahead = here.readAhead(key);
    await ahead.grant;
    const saved = await elsewhere.current(key);
    expect(token(await here.currentOf(ahead))).toBe(token(saved));
    expect(world.simulator.stats.refreshes).toBe(1);
  });

  it('many looks at an expired token → one refresh', async () => {
    const refresher = world.refresher();
    world.clock.advance(LIFETIME);
    const looks = Array.from({ length: 20 }, () => refresher.readAhead(key));
    const grants = await Promise.all(looks.map((ahead) => refresher.currentOf(ahead)));
    expect(new Set(grants.map(token)).size).toBe(1);
    expect(world.simulator.stats.refreshes).toBe(1);
  });

  it('a pair that waits in the journal → newer than the look', async () => {
    const refresher = world.refresher();
    world.clock.advance(LIFETIME);
    store.writesFail = true;
    const refreshed = token(await refresher.current(key));
    const ahead = refresher.readAhead(key);
    expect(token((await ahead.grant)!)).not.toBe(refreshed);
    expect(token(await refresher.currentOf(ahead))).toBe(refreshed);
    store.writesFail = false;
    await refresher.replay();
    await refresher.settled();
    expect(world.simulator.stats.refreshes).toBe(1);
  });

  it('a look that failed → as current fails', async () => {
    const refresher = world.refresher();
    store.readsFail = true;
    const ahead = refresher.readAhead(key);
    expect(await rejection(refresher.currentOf(ahead))).toMatchObject({
      code: 'store_unavailable',
    });
    store.readsFail = false;
    expect((await refresher.current(key)).version).toBe(1);
  });

  it('no grant, or one that Fullscript gave up → as current fails', async () => {
    const refresher = world.refresher();
    const stranger = { ...key, owner: { id: 'nobody', type: 'Staff' } } as GrantKey;
    const nothing = refresher.currentOf(refresher.readAhead(stranger));
    expect(await rejection(nothing)).toMatchObject({ code: 'grant_not_found' });
    world.simulator.revokeAuthorization(key.owner.id);
    world.clock.advance(LIFETIME);
    const refused = await rejection(refresher.currentOf(refresher.readAhead(key)));
    expect(refused).toMatchObject({ code: 'needs_reconnect' });
    const known = await rejection(refresher.currentOf(refresher.readAhead(key)));
    expect(known).toMatchObject({ code: 'needs_reconnect' });
    expect(world.simulator.stats.refreshes).toBe(1);
  });

  it('soon to expire → the token of the look now, and a refresh behind it', async () => {
    const refresher = world.refresher();
    world.clock.advance(LIFETIME - 60_000);
    const ahead = refresher.readAhead(key);
    expect(await refresher.currentOf(ahead)).toBe(await ahead.grant);
    await refresher.settled();
    expect(world.simulator.stats.refreshes).toBe(1);
    expect((await refresher.current(key)).version).toBe(2);
  });
});
