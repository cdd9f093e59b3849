import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createCipher } from '../../src/grants/cipher.js';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import type { GrantIndex } from '../../src/grants/grant-index.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { type GrantKey, type GrantStatus, grantId } from '../../src/grants/grant.js';
import { checkIndex, checkIndexIfDue } from '../../src/grants/index-check.js';
import { type IndexUpkeep, createIndexUpkeep } from '../../src/grants/index-upkeep.js';
import { indexedVault } from '../../src/grants/indexed-vault.js';
import { createReadFacts } from '../../src/grants/grant-facts.js';
import { CursorError, createListGrants } from '../../src/grants/list-grants.js';
import { type Vault, createVault } from '../../src/grants/vault.js';
import { createMemoryGrantIndex } from '../../src/memory/grant-index.js';
import { createMemoryGrantRecords } from '../../src/memory/grant-records.js';
import { createMemoryLock } from '../../src/memory/lock.js';
import { grantOfOwner, keyOfOwner, sealingKey } from '../support/seeded-grants.js';

const ADA = keyOfOwner('ada');
const cipher = createCipher([sealingKey('k1')]);
const down = () => Promise.reject(new StoreUnavailableError('index entry', new Error('down')));
const never = () => new Promise<never>(() => undefined);

type Wrap = <A extends unknown[], R>(
  call: (...args: A) => Promise<R>,
) => (...args: A) => Promise<R>;

/** All that a grant and its entry lie in. */
function createStorage() {
  return { records: createMemoryGrantRecords(), index: createMemoryGrantIndex() };
}

/** A process on it, whose calls of storage go through `wrap`. */
function openProcess(storage: ReturnType<typeof createStorage>, wrap: Wrap = (call) => call) {
  const troubles: unknown[] = [];
  const records: GrantRecords = {
    ...storage.records,
    read: wrap(storage.records.read),
    compareAndSet: wrap(storage.records.compareAndSet),
    remove: wrap(storage.records.remove),
    lastVersion: wrap(storage.records.lastVersion),
  };
  const index: GrantIndex = {
    ...storage.index,
    enter: wrap(storage.index.enter),
    put: wrap(storage.index.put),
    drop: wrap(storage.index.drop),
  };
  const inner = createVault({ records, cipher });
  const onTrouble = (error: unknown) => troubles.push(error);
  const upkeep = createIndexUpkeep({ index, vault: inner, onTrouble });
  return { troubles, upkeep, vault: indexedVault(inner, upkeep) };
}

const grantOf = (key: GrantKey, status: GrantStatus = 'active') => ({
  ...grantOfOwner(key.owner.id),
  status,
  reconnectReason: status === 'active' ? undefined : ('refresh_token_refused' as const),
});

const entries = async ({ index }: { index: GrantIndex }) =>
  (await index.page({ limit: 1_000 })).map(({ id, status }) => `${id} ${status}`);

const ENTRY = `${grantId(ADA)} active`;

describe('the index behind saves', () => {
  it('saved, ended, removed → entered as what it is, and not any more', async () => {
    const storage = createStorage();
    const { vault, upkeep } = openProcess(storage);
    await vault.write(grantOf(ADA), 0);
    await upkeep.settled();
    expect(await entries(storage)).toEqual([ENTRY]);
    await vault.save(grantOf(ADA, 'needs_reconnect'), 1);
    await upkeep.settled();
    expect(await entries(storage)).toEqual([`${grantId(ADA)} needs_reconnect`]);
    await vault.remove(ADA, 2);
    await upkeep.settled();
    expect(await entries(storage)).toEqual([]);
  });

  it('the index does not answer → the save is answered all the same', async () => {
    const storage = createStorage();
    storage.index = { ...storage.index, enter: never, put: never };
    const { vault } = openProcess(storage);
    expect((await vault.save(grantOf(ADA), 0))?.grant.version).toBe(1);
    expect(await vault.remove(ADA, 1)).toBe(true);
  });

  it('the index fails → the save is fine, the trouble is told, and it is made up for', async () => {
    const storage = createStorage();
    const { index } = storage;
    storage.index = { ...index, enter: down, put: down };
    const wrapped: ReturnType<typeof createStorage> = {
      records: storage.records,
      index: {
        ...index,
        enter: (id) => storage.index.enter(id),
        put: (...a) => storage.index.put(...a),
      },
    };
    const { vault, upkeep, troubles } = openProcess(wrapped);
    expect((await vault.save(grantOf(ADA), 0))?.confirmed).toBe(true);
    await upkeep.settled();
    expect(troubles.length).toBeGreaterThan(0);
    expect(await entries({ index })).toEqual([]);
    storage.index = index;
    await upkeep.catchUp();
    expect(await entries({ index })).toEqual([ENTRY]);
  });

  it('the process dies right after the save → the entry made ahead is there', async () => {
    const storage = createStorage();
    const dying: GrantRecords = {
      ...storage.records,
      compareAndSet: async (...args) => {
        await storage.records.compareAndSet(...args);
        return never();
      },
    };
    const { vault } = openProcess({ ...storage, records: dying });
    void vault.write(grantOf(ADA), 0);
    await Promise.resolve();
    expect(await storage.records.read(grantId(ADA))).toBeDefined();
    expect(await entries(storage)).toEqual([ENTRY]);
  });

  it('the save fails and may have happened → looked at later', async () => {
    const storage = createStorage();
    const unsure: GrantRecords = {
      ...storage.records,
      compareAndSet: async (...args) => {
        await storage.records.compareAndSet(...args);
        throw new StoreUnavailableError('grant write', new Error('no answer'));
      },
    };
    const { vault, upkeep } = openProcess({ ...storage, records: unsure });
    await storage.index.put(grantId(ADA), 'needs_reconnect');
    await expect(vault.write(grantOf(ADA), 0)).rejects.toBeInstanceOf(StoreUnavailableError);
    await upkeep.settled();
    expect(await entries(storage)).toEqual([ENTRY]);
  });

  it('a late save is refused → the entry made ahead goes', async () => {
    const storage = createStorage();
    const { vault, upkeep } = openProcess(storage);
    await vault.write(grantOf(ADA), 0);
    await vault.remove(ADA, 1);
    expect(await vault.save(grantOf(ADA), 1)).toBeUndefined();
    await upkeep.settled();
    expect(await entries(storage)).toEqual([]);
  });

  it('a grant that is another one at each look → left after ten, to those who change it', async () => {
    const { index } = createStorage();
    const looks: GrantStatus[] = [];
    const read = () => {
      looks.push(looks.at(-1) === 'active' ? 'needs_reconnect' : 'active');
      return Promise.resolve({ ...grantOf(ADA, looks.at(-1)), version: looks.length });
    };
    const vault = { ...createVault({ records: createMemoryGrantRecords(), cipher }), read };
    const upkeep = createIndexUpkeep({ index, vault, onTrouble: () => undefined });
    expect(await upkeep.sync(ADA)).toBe(true);
    // The first one, and one behind each entry.
    expect(looks).toHaveLength(1 + 10);
  });

  it('a grant that does not open → stays entered as it was', async () => {
    const storage = createStorage();
    const { upkeep } = openProcess(storage);
    await storage.records.compareAndSet(grantId(ADA), { version: 1, sealed: 'gone.AAAA' }, 0);
    expect(await upkeep.sync(ADA)).toBe(true);
    expect(await entries(storage)).toEqual([ENTRY]);
    await storage.index.put(grantId(ADA), 'needs_reconnect');
    expect(await upkeep.sync(ADA)).toBe(true);
    expect(await entries(storage)).toEqual([`${grantId(ADA)} needs_reconnect`]);
  });
});

type Act = 'sign-in' | 'disconnect' | 'refusal' | 'refresh';

/** What processes do to a grant, as sign-in, disconnect and refresh do it. */
const ACTS: Record<Act, (vault: Vault) => Promise<unknown>> = {
  'sign-in': async (vault) => {
    for (;;) {
      const expected = (await vault.read(ADA))?.version ?? (await vault.lastVersion(ADA));
      if (await vault.write(grantOf(ADA), expected)) return;
    }
  },
  disconnect: async (vault) => {
    for (;;) {
      const grant = await vault.read(ADA);
      if (grant === undefined || (await vault.remove(ADA, grant.version))) return;
    }
  },
  refusal: async (vault) => {
    const grant = await vault.read(ADA);
    if (grant) await vault.write({ ...grant, ...grantOf(ADA, 'needs_reconnect') }, grant.version);
  },
  refresh: async (vault) => {
    const grant = await vault.read(ADA);
    if (grant?.status === 'active') await vault.save(grantOf(ADA), grant.version);
  },
};

const act = fc.constantFrom<Act>('sign-in', 'disconnect', 'refusal', 'refresh');
const initial = fc.constantFrom<GrantStatus | undefined>(undefined, 'active', 'needs_reconnect');

async function startingWith(status: GrantStatus | undefined) {
  const storage = createStorage();
  const { vault, upkeep } = openProcess(storage);
  if (status !== undefined) await vault.write(grantOf(ADA, status), 0);
  await upkeep.settled();
  return storage;
}

/** Whether the entry is what the grant is. */
async function expectRight(storage: ReturnType<typeof createStorage>): Promise<void> {
  const grant = await createVault({ ...storage, cipher }).read(ADA);
  expect(await entries(storage)).toEqual(grant ? [`${grantId(ADA)} ${grant.status}`] : []);
}

describe('processes that change one grant at once', () => {
  it('whatever reaches storage first → the entry is what the grant is in the end', async () => {
    const ends = { stored: 0, gone: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        initial,
        fc.array(act, { minLength: 2, maxLength: 3 }),
        async (scheduler, status, acts) => {
          const storage = await startingWith(status);
          const slow: Wrap =
            (call) =>
            async (...args) => {
              await scheduler.schedule(Promise.resolve());
              return call(...args);
            };
          const processes = acts.map(() => openProcess(storage, slow));
          const work = processes.map(({ vault }, at) => ACTS[acts[at]!](vault));
          await scheduler.waitFor(Promise.all(work));
          await scheduler.waitFor(Promise.all(processes.map(({ upkeep }) => upkeep.settled())));
          await expectRight(storage);
          const left = await storage.records.read(grantId(ADA));
          ends[left === undefined ? 'gone' : 'stored'] += 1;
        },
      ),
      { numRuns: 600 },
    );
    expect(ends.stored).toBeGreaterThan(50);
    expect(ends.gone).toBeGreaterThan(50);
  }, 60_000);

  it('one of them dies at any moment → the next check has it right', async () => {
    let wrong = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        initial,
        fc.record({ first: act, second: act, calls: fc.nat(12) }),
        async (scheduler, status, { first, second, calls }) => {
          const storage = await startingWith(status);
          let left = calls;
          const mortal: Wrap =
            (call) =>
            async (...args) => {
              await scheduler.schedule(Promise.resolve());
              left -= 1;
              return left < 0 ? never() : call(...args);
            };
          const slow: Wrap =
            (call) =>
            async (...args) => {
              await scheduler.schedule(Promise.resolve());
              return call(...args);
            };
          const dying = openProcess(storage, mortal);
          const living = openProcess(storage, slow);
          void ACTS[first](dying.vault);
          await scheduler.waitFor(ACTS[second](living.vault));
          await scheduler.waitFor(living.upkeep.settled());
          await scheduler.waitIdle();
          await expectRight(storage).catch(() => (wrong += 1));
          await checkIndex({
            ...storage,
            ...openProcess(storage),
            signal: new AbortController().signal,
          });
          await expectRight(storage);
        },
      ),
      { numRuns: 400 },
    );
    // Else the check had nothing to mend.
    expect(wrong).toBeGreaterThan(0);
  }, 60_000);
});

describe('the check of the index', () => {
  const signal = () => new AbortController().signal;

  /** Grants of a version that had no index. */
  async function withOldGrants(howMany: number) {
    const storage = createStorage();
    const vault = createVault({ ...storage, cipher });
    for (let at = 0; at < howMany; at += 1) {
      const status = at % 10 === 0 ? 'needs_reconnect' : 'active';
      await vault.write(grantOf(keyOfOwner(`seed-${at}`), status), 0);
    }
    return storage;
  }

  it('grants without entries, entries without grants, names that are none → mended, and counted', async () => {
    const storage = await withOldGrants(250);
    await storage.index.put(grantId(keyOfOwner('nobody')), 'active');
    await storage.index.put('us-sandbox:nonsense', 'active');
    await storage.records.compareAndSet('not an id', { version: 1, sealed: 's' }, 0);
    await storage.index.put(grantId(keyOfOwner('seed-0')), 'active');
    const { upkeep } = openProcess(storage);
    const seen: number[] = [];
    const onProgress = (number: number) => seen.push(number);
    const done = await checkIndex({ ...storage, upkeep, signal: signal(), onProgress });
    expect(done).toEqual({ ended: 'complete', grants: 250, removed: 1 });
    expect(seen.at(-1)).toBe(250);
    expect(await storage.index.isChecked()).toBe(true);
    const counts = (await storage.index.counts()).filter(({ grants }) => grants > 0);
    expect(counts).toEqual([
      { registration: 'us-sandbox', status: 'active', grants: 225 },
      { registration: 'us-sandbox', status: 'needs_reconnect', grants: 25 },
    ]);
  });

  it('two processes at once, and a third later → one of them does it', async () => {
    const storage = await withOldGrants(120);
    const lock = createMemoryLock();
    let passes = 0;
    const records = {
      ids: () => {
        passes += 1;
        return storage.records.ids();
      },
    };
    const check = () =>
      checkIndexIfDue({
        ...{ records, index: storage.index, lock, signal: signal() },
        upkeep: openProcess(storage).upkeep,
      });
    const done = await Promise.all([check(), check()]);
    expect(done.map((one) => one?.ended).sort()).toEqual(['complete', undefined]);
    expect(await check()).toBeUndefined();
    expect(passes).toBe(1);
    expect(await entries(storage)).toHaveLength(120);
  });

  it('stopped half-way, or the store fails → not done, and the next one does it all', async () => {
    const storage = await withOldGrants(220);
    const lock = createMemoryLock();
    const stop = new AbortController();
    const { upkeep } = openProcess(storage);
    const stopping: Pick<IndexUpkeep, 'sync'> = {
      sync: (key) => {
        stop.abort();
        return upkeep.sync(key);
      },
    };
    const deps = { ...storage, lock };
    const first = await checkIndexIfDue({ ...deps, upkeep: stopping, signal: stop.signal });
    expect(first).toEqual({ ended: 'interrupted' });
    expect((await entries(storage)).length).toBeLessThan(220);
    const failing = checkIndexIfDue({ ...deps, upkeep: { sync: down }, signal: signal() });
    await expect(failing).rejects.toBeInstanceOf(StoreUnavailableError);
    expect(await storage.index.isChecked()).toBe(false);
    expect(await checkIndexIfDue({ ...deps, upkeep, signal: signal() })).toMatchObject({
      ...{ ended: 'complete', grants: 220 },
    });
  });
});

describe('the list of grants', () => {
  function listing() {
    const storage = createStorage();
    const { vault, upkeep } = openProcess(storage);
    const facts = createReadFacts({ ...storage, cipher });
    return { storage, vault, upkeep, list: createListGrants({ ...storage, facts, upkeep }) };
  }

  it('entries that outlived their grant or its status → left out, and mended', async () => {
    const { storage, vault, upkeep, list } = listing();
    const [bob, eve] = [keyOfOwner('bob'), keyOfOwner('eve')];
    for (const key of [ADA, bob]) await vault.write(grantOf(key), 0);
    await upkeep.settled();
    await storage.index.put(grantId(bob), 'needs_reconnect');
    await storage.index.put(grantId(eve), 'needs_reconnect');
    const page = await list({ limit: 10, status: 'needs_reconnect' });
    expect(page).toEqual({ grants: [], next: undefined });
    expect(await entries(storage)).toEqual([ENTRY, `${grantId(bob)} active`]);
    const { grants } = await list({ limit: 10 });
    expect(grants.map(({ key }) => key)).toEqual([ADA, bob]);
  });

  it('nothing in a page is secret', async () => {
    const { vault, upkeep, list } = listing();
    await vault.write(grantOf(ADA), 0);
    await upkeep.settled();
    const { grants } = await list({ limit: 10 });
    expect(grants[0]).toEqual({
      ...{ key: ADA, version: 1, sealedWith: 'k1' },
      sealed: {
        ...{ status: 'active', reason: undefined, scope: ['clinic:read'], expiresAt: 7_201_000 },
        ...{ connectedAt: 1, refreshedAt: 1_000, refreshable: true, superseded: 1 },
      },
    });
    expect(JSON.stringify(grants)).not.toMatch(/of-ada/);
  });

  it('pages → each grant once; a cursor that is none → refused', async () => {
    const { vault, upkeep, list } = listing();
    for (let at = 0; at < 25; at += 1) await vault.write(grantOf(keyOfOwner(`seed-${at}`)), 0);
    await upkeep.settled();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await list({ limit: 10, cursor });
      seen.push(...page.grants.map(({ key }) => key.owner.id));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(25);
    expect(seen).toHaveLength(25);
    for (const cursor of ['', 'nonsense', Buffer.from('a:b').toString('base64url')]) {
      await expect(list({ limit: 1, cursor })).rejects.toBeInstanceOf(CursorError);
    }
  });

  it('a record without its key → listed as one that does not open', async () => {
    const { storage, upkeep, list } = listing();
    await storage.records.compareAndSet(grantId(ADA), { version: 1, sealed: 'gone.AAAA' }, 0);
    await upkeep.sync(ADA);
    expect(await list({ limit: 10, status: 'active' })).toEqual({
      grants: [{ key: ADA, version: 1, sealedWith: 'gone', sealed: 'sealing_key_missing' }],
      next: undefined,
    });
  });
});
