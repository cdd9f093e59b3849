import { afterEach, describe, expect, it } from '@jest/globals';
import { type Cipher, createCipher, keyIdOf } from '../../src/grants/cipher.js';
import { NeedsReconnectError, StoreUnavailableError } from '../../src/grants/errors.js';
import { grantId } from '../../src/grants/grant.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { createInspect, createReseal } from '../../src/grants/reseal.js';
import { type RotationStep, rotateKeys } from '../../src/grants/rotate-keys.js';
import { visitAll } from '../../src/grants/seal-tally.js';
import { createUnsavedPairs, keysLacked } from '../../src/grants/unsaved-pairs.js';
import { createVault } from '../../src/grants/vault.js';
import { createMemoryGrantRecords } from '../../src/memory/grant-records.js';
import { createMemoryJournal } from '../../src/memory/journal.js';
import { grantOfOwner, keyOfOwner, sealingKey, seedGrants } from '../support/seeded-grants.js';
import { type Custody, type CustodyOptions, openCustody } from '../support/custody.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

const LIFETIME = 7_200_000;
const [a, b, x] = [sealingKey('A'), sealingKey('B'), sealingKey('X')];
/** As the servers are after the restart: B seals, A still opens. */
const both = createCipher([b, a]);
const noSleep = () => Promise.resolve();
const never = new AbortController().signal;

const resealOf = (records: GrantRecords, cipher: Cipher = both) =>
  createReseal({ records, cipher, sleep: noSleep });

/** Runs `before` ahead of each compare-and-set, as often as there are functions. */
function interrupting(inner: GrantRecords, ...before: (() => Promise<unknown>)[]): GrantRecords {
  return {
    ...inner,
    compareAndSet: async (...args) => {
      await before.shift()?.();
      return inner.compareAndSet(...args);
    },
  };
}

/** Lets `work` happen between the first read and whatever its reader does next. */
function afterRead(inner: GrantRecords, work: () => Promise<unknown>): GrantRecords {
  let done = false;
  return {
    ...inner,
    read: async (id) => {
      const record = await inner.read(id);
      if (!done) {
        done = true;
        await work();
      }
      return record;
    },
  };
}

describe('keyIdOf', () => {
  it('tells the key of a sealed text, and none of what is no sealed text', () => {
    expect(keyIdOf(createCipher([a]).seal('text', 'ctx'))).toBe('A');
    expect(keyIdOf('no dot')).toBe('');
  });
});

describe('a reseal', () => {
  it('changes the sealing and the version, and nothing else', async () => {
    const records = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(records, [a], 1);
    const before = (await records.read(id))!;
    expect(await resealOf(records)(id)).toEqual({ keyId: 'B', state: 'current', resealed: true });
    const after = (await records.read(id))!;
    expect(keyIdOf(after.sealed)).toBe('B');
    expect(after.version).toBe(before.version + 1);
    const opened = createCipher([b]).open(after.sealed, `grant ${id} ${after.version}`);
    expect(opened).toBe(createCipher([a]).open(before.sealed, `grant ${id} ${before.version}`));
    const grant = await createVault({ records, cipher: both }).read(keyOfOwner('seed-0'));
    expect(grant!.superseded.map((one) => one.reveal())).toEqual(['superseded-of-seed-0']);
  });

  it('of a record under the first key → reads it and no more', async () => {
    const inner = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(inner, [b], 1);
    const records = interrupting(inner, () => Promise.reject(new Error('written')));
    expect(await resealOf(records)(id)).toEqual({ keyId: 'B', state: 'current', resealed: false });
  });

  it.each([
    ['whose key is gone', x, 'X'],
    ['whose key is another one by the same name', sealingKey('A'), 'A'],
  ])('of a record %s → names the key and leaves it as it is', async (_case, key, keyId) => {
    const records = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(records, [key], 1);
    const before = await records.read(id);
    expect(await resealOf(records)(id)).toEqual({ keyId, state: 'unopenable', resealed: false });
    expect(await records.read(id)).toEqual(before);
  });

  it('of a record that is removed meanwhile → it stays removed', async () => {
    const inner = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(inner, [a], 1);
    const records = afterRead(inner, () => inner.remove(id));
    expect(await resealOf(records)(id)).toBeUndefined();
    expect(await inner.read(id)).toBeUndefined();
    expect(await inner.lastVersion(id)).toBe(2);
  });

  it('of a record that is written meanwhile with the first key → the newer one stays', async () => {
    const inner = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(inner, [a], 1);
    const server = createVault({ records: inner, cipher: both });
    const newer = { ...grantOfOwner('seed-0'), connectedAt: 2 };
    const records = afterRead(inner, () => server.write(newer, 1));
    expect(await resealOf(records)(id)).toEqual({ keyId: 'B', state: 'current', resealed: false });
    expect(await server.read(keyOfOwner('seed-0'))).toMatchObject({ version: 2, connectedAt: 2 });
  });

  it('of a record that is written meanwhile with an old key → the newer one is resealed', async () => {
    const inner = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(inner, [a], 1);
    const server = createVault({ records: inner, cipher: createCipher([a, b]) });
    const newer = { ...grantOfOwner('seed-0'), connectedAt: 2 };
    const records = afterRead(inner, () => server.write(newer, 1));
    expect(await resealOf(records)(id)).toMatchObject({ keyId: 'B', resealed: true });
    expect(await server.read(keyOfOwner('seed-0'))).toMatchObject({ version: 3, connectedAt: 2 });
  });

  it('whose answer is lost → finds it done when it tries again', async () => {
    const inner = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(inner, [a], 1);
    let failed = false;
    const records: GrantRecords = {
      ...inner,
      compareAndSet: async (...args) => {
        const written = await inner.compareAndSet(...args);
        if (failed) return written;
        failed = true;
        throw new StoreUnavailableError('grant write', new Error('connection lost'));
      },
    };
    expect(await resealOf(records)(id)).toMatchObject({ keyId: 'B', state: 'current' });
    expect((await inner.read(id))!.version).toBe(2);
  });
});

describe('a server that meets a reseal', () => {
  let world: Custody;
  afterEach(() => world.close());

  /** Servers seal with A here, so that every reseal to B has something to do. */
  async function open(options: CustodyOptions = {}): Promise<Custody> {
    world = await openCustody({ sealingKeys: [a, b], ...options });
    return world;
  }

  /** A refresh whose token call has been sent and not been answered. */
  async function refreshing() {
    const key = await world.connect();
    world.clock.advance(LIFETIME);
    const { opened, open: answer } = gate();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const refreshed = world.refresher().current(key);
    await until(() => world.simulator.stats.refreshes === 1);
    return { key, answer, refreshed };
  }

  it('during a refresh → the new pair is saved over it, and not discarded', async () => {
    await open();
    const { key, answer, refreshed } = await refreshing();
    const before = (await world.vault.read(key))!;
    expect(await resealOf(world.records)(grantId(key))).toMatchObject({ resealed: true });
    answer();
    const grant = await refreshed;
    expect(grant.version).toBe(before.version + 2);
    const stored = (await world.vault.read(key))!;
    expect(stored.tokens.accessToken.reveal()).toBe(grant.tokens.accessToken.reveal());
    expect(await world.call(grant.tokens.accessToken.reveal())).toBe(200);
    expect(world.seen).toEqual(['connected', 'refreshed']);
    expect(world.simulator.stats).toMatchObject({ refreshes: 1, livePairs: 1 });
    // The server put the record under its own first key again: the next pass finds it.
    expect(await resealOf(world.records)(grantId(key))).toMatchObject({ resealed: true });
    expect(await world.vault.read(key)).toMatchObject({ version: before.version + 3 });
  });

  it('between the refresh’s save and the reseal’s write → the new pair is what is resealed', async () => {
    await open();
    const key = await world.connect();
    world.clock.advance(LIFETIME);
    const records = afterRead(world.records, () => world.refresher().current(key));
    expect(await resealOf(records)(grantId(key))).toMatchObject({ keyId: 'B', resealed: true });
    const grant = (await world.vault.read(key))!;
    expect(await world.call(grant.tokens.accessToken.reveal())).toBe(200);
    expect(world.simulator.stats).toMatchObject({ refreshes: 1, livePairs: 1 });
  });

  it('during a refresh that Fullscript refuses → the grant needs reconnect all the same', async () => {
    await open();
    const { key, answer, refreshed } = await refreshing();
    world.simulator.revokeAuthorization(key.owner.id);
    await resealOf(world.records)(grantId(key));
    answer();
    await expect(refreshed).rejects.toThrow(NeedsReconnectError);
    expect(await world.vault.read(key)).toMatchObject({ status: 'needs_reconnect' });
  });

  it('while a new pair waits in the journal → the pair is saved over it', async () => {
    const store = { down: false };
    await open({
      records: (inner) =>
        interrupting(
          inner,
          ...Array.from({ length: 20 }, () => () => {
            if (!store.down) return Promise.resolve();
            return Promise.reject(new StoreUnavailableError('grant write', new Error('down')));
          }),
        ),
    });
    const key = await world.connect();
    world.clock.advance(LIFETIME);
    const refresher = world.refresher();
    store.down = true;
    const grant = await refresher.current(key);
    expect(refresher.waiting()).toBe(1);
    expect(await resealOf(world.records)(grantId(key))).toMatchObject({ resealed: true });
    store.down = false;
    await refresher.replay();
    expect(refresher.waiting()).toBe(0);
    const stored = (await world.vault.read(key))!;
    expect(stored.tokens.accessToken.reveal()).toBe(grant.tokens.accessToken.reveal());
  });

  it('during a disconnect → the grant is gone', async () => {
    await open();
    const key = await world.connect();
    const records = afterRead(world.records, () => world.disconnect(key));
    expect(await resealOf(records)(grantId(key))).toBeUndefined();
    expect(await world.records.read(grantId(key))).toBeUndefined();
    expect(world.simulator.stats.livePairs).toBe(0);
  });

  it('during a sign-in of the same user → the new consent is what is kept', async () => {
    await open();
    const key = await world.connect();
    const records = afterRead(world.records, () => world.connect());
    expect(await resealOf(records)(grantId(key))).toMatchObject({ resealed: true });
    const grant = (await world.vault.read(key))!;
    expect(await world.call(grant.tokens.accessToken.reveal())).toBe(200);
    expect(grant.superseded).toHaveLength(1);
  });
});

describe('visitAll', () => {
  it('counts by key, eight records at a time, and passes over removals', async () => {
    const records = createMemoryGrantRecords();
    const ids = await seedGrants(records, [a], 200);
    for (const id of ids.slice(0, 50)) await resealOf(records)(id);
    for (const id of ids.slice(150)) await records.remove(id);
    let [running, most] = [0, 0];
    const inspect = createInspect({ records, cipher: createCipher([a]), sleep: noSleep });
    const visit = async (id: string) => {
      most = Math.max(most, (running += 1));
      const visited = await inspect(id);
      running -= 1;
      return visited;
    };
    const tally = await visitAll({ records, visit, signal: never });
    expect(tally).toMatchObject({ seen: 150, resealed: 0 });
    expect(Object.fromEntries(tally.keys)).toEqual({
      A: { records: 100, unopenable: 0 },
      B: { records: 50, unopenable: 50 },
    });
    expect(most).toBe(8);
  });

  it('told to stop → finishes what is under way, begins nothing more', async () => {
    const records = createMemoryGrantRecords();
    await seedGrants(records, [a], 50);
    const stop = new AbortController();
    const reseal = resealOf(records);
    const visit = async (id: string) => {
      const visited = await reseal(id);
      stop.abort();
      return visited;
    };
    const tally = await visitAll({ records, visit, signal: stop.signal });
    expect(tally.resealed).toBe(8);
    expect(tally.keys.get('B')).toEqual({ records: 8, unopenable: 0 });
  });

  it('one visit fails → fails when the others have ended', async () => {
    const records = createMemoryGrantRecords();
    await seedGrants(records, [a], 20);
    let running = 0;
    let calls = 0;
    const visit = async () => {
      calls += 1;
      if (calls === 1) throw new StoreUnavailableError('grant read', new Error('down'));
      running += 1;
      await new Promise(setImmediate);
      running -= 1;
      return undefined;
    };
    await expect(visitAll({ records, visit, signal: never })).rejects.toThrow('grant read');
    expect(running).toBe(0);
  });
});

/** Keeps what a rotation says. */
function listen() {
  const steps: [RotationStep, number | undefined][] = [];
  const waits: number[] = [];
  const progress = {
    started: (step: RotationStep, total: number | undefined) => void steps.push([step, total]),
    visited: () => undefined,
    waiting: (_error: StoreUnavailableError, waitMs: number) => void waits.push(waitMs),
  };
  return { steps, waits, progress };
}

function rotate(records: GrantRecords, options: Partial<Parameters<typeof rotateKeys>[0]> = {}) {
  const { steps, waits, progress } = listen();
  const deps = { records, cipher: both, sleep: noSleep, signal: never, progress, dryRun: false };
  return rotateKeys({ ...deps, ...options }).then((rotation) => ({ rotation, steps, waits }));
}

describe('rotateKeys', () => {
  it('counts, reseals, and looks again until there is nothing to do', async () => {
    const records = createMemoryGrantRecords();
    const ids = await seedGrants(records, [a], 250);
    const { rotation, steps } = await rotate(records);
    expect(rotation).toMatchObject({ ended: 'complete', resealed: 250, left: 0 });
    expect(Object.fromEntries(rotation.tally!.keys)).toEqual({
      B: { records: 250, unopenable: 0 },
    });
    expect(steps).toEqual([
      ['count', undefined],
      ['reseal', 250],
      ['check', 250],
    ]);
    const versions = await Promise.all(ids.map((id) => records.lastVersion(id)));
    expect(new Set(versions)).toEqual(new Set([2]));
  });

  it('again → counts only', async () => {
    const records = createMemoryGrantRecords();
    await seedGrants(records, [b], 10);
    const { rotation, steps } = await rotate(records);
    expect(rotation).toMatchObject({ ended: 'complete', resealed: 0, left: 0 });
    expect(steps).toEqual([['count', undefined]]);
  });

  it('dry → tells the numbers and writes nothing', async () => {
    const records = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(records, [a], 10);
    const { rotation } = await rotate(records, { dryRun: true });
    expect(rotation).toMatchObject({ ended: 'complete', resealed: 0, left: 10 });
    expect(keyIdOf((await records.read(id))!.sealed)).toBe('A');
  });

  it('records that do not open → are counted by key and stop nothing', async () => {
    const records = createMemoryGrantRecords();
    const ids = await seedGrants(records, [a], 30);
    await records.compareAndSet(ids[0]!, { version: 2, sealed: 'X.AAAA' }, 1);
    await records.compareAndSet(ids[1]!, { version: 2, sealed: 'A.AAAA' }, 1);
    const { rotation } = await rotate(records);
    expect(rotation).toMatchObject({ ended: 'complete', resealed: 28, left: 0 });
    expect(Object.fromEntries(rotation.tally!.keys)).toEqual({
      A: { records: 1, unopenable: 1 },
      B: { records: 28, unopenable: 0 },
      X: { records: 1, unopenable: 1 },
    });
  });

  it('a server goes on sealing with the old key → ends all the same, and says how many are left', async () => {
    const inner = createMemoryGrantRecords();
    const [id = ''] = await seedGrants(inner, [a], 5);
    const server = createVault({ records: inner, cipher: createCipher([a, b]) });
    let passes = 0;
    const records: GrantRecords = {
      ...inner,
      ids: async function* () {
        passes += 1;
        yield* inner.ids();
        const version = await inner.lastVersion(id);
        await server.write(grantOfOwner('seed-0'), version);
        yield [id];
      },
    };
    // Every look at the record loses to the server, so it is still the old key's in the end.
    const stubborn: GrantRecords = {
      ...records,
      compareAndSet: (one, ...rest) =>
        one === id ? Promise.resolve(false) : inner.compareAndSet(one, ...rest),
    };
    const { rotation } = await rotate(stubborn);
    expect(rotation.ended).toBe('complete');
    expect(rotation.left).toBeGreaterThan(0);
    expect(passes).toBe(5);
  });

  it('told to stop, and run again → goes on where it was', async () => {
    const records = createMemoryGrantRecords();
    const ids = await seedGrants(records, [a], 100);
    const stop = new AbortController();
    const { progress } = listen();
    let resealed = 0;
    const visited = (one: { resealed: boolean }) => {
      if (one.resealed && (resealed += 1) === 40) stop.abort();
    };
    const { rotation } = await rotate(records, {
      signal: stop.signal,
      progress: { ...progress, visited },
    });
    expect(rotation.ended).toBe('interrupted');
    expect(rotation.resealed).toBeGreaterThanOrEqual(40);
    expect(rotation.resealed).toBeLessThan(60);
    expect(rotation.left).toBe(100 - rotation.resealed);
    const second = (await rotate(records)).rotation;
    expect(second).toMatchObject({ ended: 'complete', resealed: rotation.left, left: 0 });
    const versions = await Promise.all(ids.map((id) => records.lastVersion(id)));
    expect(new Set(versions)).toEqual(new Set([2]));
  });

  it('the store fails in between → waits and begins the pass anew', async () => {
    const inner = createMemoryGrantRecords();
    await seedGrants(inner, [a], 250);
    let pages = 0;
    const records: GrantRecords = {
      ...inner,
      ids: async function* () {
        for await (const page of inner.ids()) {
          pages += 1;
          // In the middle of the second pass.
          if (pages === 5) throw new StoreUnavailableError('grant listing', new Error('down'));
          yield page;
        }
      },
    };
    const { rotation, steps, waits } = await rotate(records);
    expect(rotation).toMatchObject({ ended: 'complete', resealed: 250, left: 0 });
    expect(waits).toEqual([1_000]);
    expect(steps.map(([step]) => step)).toEqual(['count', 'reseal', 'reseal', 'check']);
  });

  it('the store stays away → gives up and says why', async () => {
    const inner = createMemoryGrantRecords();
    const failure = new StoreUnavailableError('grant listing', new Error('down'));
    const records: GrantRecords = { ...inner, ids: () => failing(failure) };
    const { rotation, waits } = await rotate(records);
    expect(rotation).toEqual({
      ...{ ended: 'store_failed', failure, resealed: 0 },
      ...{ tally: undefined, left: undefined },
    });
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
  });
});

async function* failing(error: Error): AsyncIterable<string[]> {
  yield await Promise.resolve([]);
  throw error;
}

describe('a journal with a pair whose key was removed too early', () => {
  it('keeps it, saves the others, and goes on when the key is back', async () => {
    const journal = createMemoryJournal();
    const pairOf = (owner: string) => {
      const pair = { key: keyOfOwner(owner), version: 1, ancestors: [] };
      return { ...pair, renewed: grantOfOwner(owner) };
    };
    await createUnsavedPairs({ journal, cipher: createCipher([x]) }).keep(pairOf('one'));
    const withoutX = createUnsavedPairs({ journal, cipher: both });
    await withoutX.keep(pairOf('two'));
    expect(withoutX.keys()).toEqual([keyOfOwner('two')]);
    expect(withoutX.count()).toBe(2);
    expect(() => withoutX.find(keyOfOwner('one'))).toThrow(/key "X".*put it back/);
    expect(keysLacked(journal, both)).toEqual(['X']);
    const withX = createUnsavedPairs({ journal, cipher: createCipher([b, x]) });
    expect(withX.keys()).toHaveLength(2);
    expect(keysLacked(journal, createCipher([b, x]))).toEqual([]);
  });
});
