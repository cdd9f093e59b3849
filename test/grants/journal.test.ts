import { afterEach, describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { type Grant, grantId } from '../../src/grants/grant.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { createTokenRefresher } from '../../src/grants/token-refresher.js';
import { createVault } from '../../src/grants/vault.js';
import { createMemoryGrantRecords } from '../../src/memory/grant-records.js';
import { createMemoryJournal } from '../../src/memory/journal.js';
import { type Custody, openCustody } from '../support/custody.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

const LIFETIME = 7200_000;
let world: Custody;
afterEach(() => world.close());

const token = (grant: Grant) => grant.tokens.accessToken.reveal();
const down = () => Promise.reject(new StoreUnavailableError('test', new Error('down')));

/** A store whose writes can be told how to end, and which can be exchanged for another one. */
async function open() {
  const store = {
    inner: createMemoryGrantRecords(),
    write: undefined as GrantRecords['compareAndSet'] | undefined,
    read: undefined as GrantRecords['read'] | undefined,
  };
  const records: GrantRecords = {
    read: (id) => (store.read ?? store.inner.read)(id),
    remove: (...args) => store.inner.remove(...args),
    ids: () => store.inner.ids(),
    lastVersion: (id) => store.inner.lastVersion(id),
    compareAndSet: (...args) => (store.write ?? store.inner.compareAndSet)(...args),
  };
  world = await openCustody({ records: () => records });
  const key = await world.connect();
  let time = 0;
  const refresher = createTokenRefresher({ ...world.deps, elapsed: () => time });

  /** Lets the token end, and uses the next one. */
  async function renew() {
    world.clock.advance(LIFETIME);
    const grant = await refresher.current(key);
    await refresher.settled();
    expect(await world.call(token(grant))).toBe(200);
    return grant;
  }

  /** The user's connection works, now and with the next token. */
  async function works() {
    expect(await world.call(token(await refresher.current(key)))).toBe(200);
    await renew();
    expect(world.simulator.stats.livePairs).toBe(1);
    expect(refresher.waiting()).toBe(0);
  }

  const pass = (ms: number) => {
    time += ms;
  };
  return { store, key, refresher, renew, works, pass };
}

describe('a pair in the journal', () => {
  it.each([
    ['is confirmed', 'confirmed'],
    ['is not confirmed', 'unconfirmed'],
  ] as const)('is not lost to the replay of the one before it that %s', async (_how, said) => {
    const { store, key, refresher, renew, works } = await open();
    store.write = down;
    await renew();
    world.clock.advance(LIFETIME);
    const { opened: answered, open: answer } = gate();
    const { opened: confirmed, open: confirm } = gate();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: answered, times: 1 });
    const before = world.simulator.stats.refreshes;
    const third = refresher.current(key);
    await until(() => world.simulator.stats.refreshes > before);
    // One replay is taken by the store, which is slow to say so; then it fails again.
    let taken = false;
    store.write = async (...args) => {
      store.write = down;
      taken = true;
      const outcome = await store.inner.compareAndSet(...args);
      await confirmed;
      return outcome && said;
    };
    const replayed = refresher.replay();
    await until(() => taken);
    answer();
    expect(await world.call(token(await third))).toBe(200);
    confirm();
    await replayed;
    expect(refresher.waiting()).toBe(1);
    expect(token(await refresher.current(key))).toBe(token(await third));
    store.write = undefined;
    await refresher.settled();
    await refresher.replay();
    await works();
  });

  it('that was made from another one there wins over a mere change of what both come from', async () => {
    const { store, key, refresher, renew, works } = await open();
    const stored = (await world.vault.read(key))!;
    store.write = down;
    await renew();
    await renew();
    store.write = undefined;
    await world.vault.write({ ...stored, status: 'needs_reconnect' }, stored.version);
    await refresher.replay();
    expect((await world.vault.read(key))!.status).toBe('active');
    await works();
  });

  it('gives way to a later consent whose version is the same, for the store had lost its data', async () => {
    const { store, key, refresher, renew } = await open();
    store.write = down;
    const old = await renew();
    store.write = undefined;
    store.inner = createMemoryGrantRecords();
    world.clock.advance(1);
    await world.connect();
    const consented = (await world.vault.read(key))!;
    expect(consented.version).toBe(1);
    await refresher.replay();
    expect(token((await world.vault.read(key))!)).toBe(token(consented));
    expect(await world.call(token(consented))).toBe(200);
    expect(await world.call(token(old))).toBe(401);
    expect(refresher.waiting()).toBe(0);
  });

  it('wins over an older state of the grant, for the store came back from a backup', async () => {
    const { store, key, refresher, renew, works } = await open();
    const backup = (await store.inner.read(grantId(key)))!;
    await renew();
    store.write = down;
    await renew();
    store.write = undefined;
    store.inner = createMemoryGrantRecords();
    await store.inner.compareAndSet(grantId(key), backup, 0);
    await refresher.replay();
    await works();
  });

  it('gives way to a grant that was refreshed further, and leaves that alone', async () => {
    const { store, key, refresher, renew } = await open();
    store.write = down;
    await renew();
    store.write = undefined;
    const kept = world.journal.entries()[0]!;
    await refresher.replay();
    const newest = await renew();
    await world.journal.keep(kept);
    await refresher.replay();
    expect(token((await world.vault.read(key))!)).toBe(token(newest));
    expect(await world.call(token(newest))).toBe(200);
    expect(refresher.waiting()).toBe(0);
  });
});

describe('a save that the store does not confirm', () => {
  const unconfirmed =
    (store: { inner: GrantRecords }): GrantRecords['compareAndSet'] =>
    async (...args) =>
      (await store.inner.compareAndSet(...args)) && 'unconfirmed';

  /** A renewed grant that the store has not confirmed, and has forgotten for the one before. */
  async function openForgotten() {
    const opened = await open();
    const { store, key, renew } = opened;
    const before = (await store.inner.read(grantId(key)))!;
    store.write = unconfirmed(store);
    const grant = await renew();
    store.inner = createMemoryGrantRecords();
    await store.inner.compareAndSet(grantId(key), before, before.version - 1);
    store.write = undefined;
    return { ...opened, grant };
  }

  it('is kept in the journal until the store has had time to write, and readiness stays green', async () => {
    const { store, refresher, renew, pass, works } = await open();
    store.write = unconfirmed(store);
    await renew();
    expect(world.journal.entries()).toHaveLength(1);
    expect(refresher.waiting()).toBe(0);
    pass(2_900);
    await refresher.replay();
    expect(world.journal.entries()).toHaveLength(1);
    pass(200);
    await refresher.replay();
    expect(world.journal.entries()).toEqual([]);
    expect(world.seen).not.toContain('replayed');
    store.write = undefined;
    await works();
  });

  it('and that the store forgets in a crash is made again', async () => {
    const { key, refresher, pass, works, grant } = await openForgotten();
    pass(3_100);
    await refresher.replay();
    expect(token((await world.vault.read(key))!)).toBe(token(grant));
    expect(world.seen).toContain('replayed');
    await works();
  });

  it('and that the store forgets at once → the refusal of the older one brings it back, and ends nothing', async () => {
    const { key, works, refresher, grant } = await openForgotten();
    // Its access token has ended, and its refresh token is spent.
    const found = await refresher.current(key);
    expect(token(found)).toBe(token(grant));
    expect(token((await world.vault.read(key))!)).toBe(token(grant));
    expect(world.seen).not.toContain('reconnectNeeded: refresh_token_refused');
    await works();
  });

  it('and that only another process keeps → after an outage it is waited for', async () => {
    const { store, key, pass, refresher, grant } = await openForgotten();
    let looks = 0;
    const sleep = async () => {
      looks += 1;
      pass(1_500);
      await refresher.replay();
    };
    const other = createTokenRefresher({
      ...{ ...world.deps, sleep, elapsed: () => 0, journal: createMemoryJournal() },
    });
    const read = store.read;
    store.read = down;
    await expect(other.current(key)).rejects.toBeInstanceOf(StoreUnavailableError);
    store.read = read;
    expect(token(await other.current(key))).toBe(token(grant));
    expect(looks).toBe(2);
    expect(world.seen).not.toContain('reconnectNeeded: refresh_token_refused');
  });

  it('by the next process too, and not for longer than it takes', async () => {
    const { store, key, renew } = await open();
    store.write = unconfirmed(store);
    const grant = await renew();
    const next = createTokenRefresher({ ...world.deps, elapsed: () => 0 });
    expect(next.waiting()).toBe(1);
    await next.replay();
    expect(next.waiting()).toBe(0);
    expect(world.journal.entries()).toHaveLength(1);
    const vault = createVault({ records: store.inner, cipher: world.cipher });
    expect(token((await vault.read(key))!)).toBe(token(grant));
  });

  it('and that a sign-in or a disconnect replaces meanwhile is left to those', async () => {
    const { store, key, refresher, renew, pass } = await open();
    store.write = unconfirmed(store);
    const first = await renew();
    store.write = undefined;
    await world.connect();
    pass(3_100);
    await refresher.replay();
    // Calls may be in flight with it; the sign-in remembers to revoke it later.
    expect(await world.call(token(first))).toBe(200);
    store.write = unconfirmed(store);
    await renew();
    await world.disconnect(key);
    pass(3_100);
    await refresher.replay();
    expect(world.journal.entries()).toEqual([]);
    expect(world.seen).not.toContain('latePairDiscarded');
    expect(world.simulator.stats.livePairs).toBe(0);
  });

  it('again and again → each pair takes the place of the one before', async () => {
    const { store, refresher, renew, pass, works } = await open();
    store.write = unconfirmed(store);
    for (let round = 0; round < 3; round += 1) {
      await renew();
      expect(world.journal.entries()).toHaveLength(1);
      expect(refresher.waiting()).toBe(0);
    }
    store.write = undefined;
    await renew();
    expect(world.journal.entries()).toEqual([]);
    pass(10_000);
    await refresher.replay();
    await works();
  });
});
