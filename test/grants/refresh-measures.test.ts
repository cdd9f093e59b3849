import { afterEach, describe, expect, it } from '@jest/globals';
import { LockTimeoutError, StoreUnavailableError } from '../../src/grants/errors.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import type { Journal } from '../../src/grants/journal.js';
import { createTokenRefresher } from '../../src/grants/token-refresher.js';
import { createMemoryJournal } from '../../src/memory/journal.js';
import { createMemoryLock } from '../../src/memory/lock.js';
import { type Custody, openCustody } from '../support/custody.js';
import { gate } from '../support/gate.js';
import { until } from '../support/until.js';

let world: Custody;
afterEach(() => world.close());

const LIFETIME = 7200_000;
const down = () => Promise.reject(new StoreUnavailableError('test', new Error('down')));
const full: Journal['keep'] = () => Promise.reject(new Error('no space left'));

/** A refresher whose numbers are kept, over a store and a journal that can be told to fail. */
async function open({ keep }: { keep?: Journal['keep'] } = {}) {
  const fails: { write?: GrantRecords['compareAndSet'] } = {};
  const journal = { ...createMemoryJournal(), ...(keep && { keep }) };
  const records = (inner: GrantRecords): GrantRecords => ({
    ...inner,
    compareAndSet: (...args) => (fails.write ?? inner.compareAndSet)(...args),
  });
  const lock = createMemoryLock();
  world = await openCustody({ records, journal, lock });
  const seen: string[] = [];
  const note = (tookMs: number, what: string) => {
    expect(tookMs).toBeGreaterThanOrEqual(0);
    seen.push(what);
  };
  const measures = { lockWaited: note, pairSafe: note, heldOff: () => seen.push('held off') };
  const newRefresher = (waitMs = 5_000) =>
    createTokenRefresher({ ...world.deps, waitMs, measures });
  const key = await world.connect();
  world.clock.advance(LIFETIME);
  return { fails, seen, newRefresher, key };
}

describe('a refreshed pair', () => {
  it('that the store confirms → safe there', async () => {
    const { seen, newRefresher, key } = await open();
    await newRefresher().current(key);
    expect(seen).toEqual(['store']);
  });

  it.each([
    ['does not confirm', 'unconfirmed'],
    ['does not take', 'journal'],
  ])('that the store %s → safe in the journal', async (_what, place) => {
    const { fails, seen, newRefresher, key } = await open();
    const unconfirmed = async (...args: Parameters<GrantRecords['compareAndSet']>) =>
      (await world.records.compareAndSet(...args)) && ('unconfirmed' as const);
    fails.write = place === 'unconfirmed' ? unconfirmed : down;
    const refresher = newRefresher();
    await refresher.current(key);
    expect(seen).toEqual([place]);
    await refresher.settled();
  });

  it('that neither takes → safe nowhere, and not used', async () => {
    const { fails, seen, newRefresher, key } = await open({ keep: full });
    fails.write = down;
    const refresher = newRefresher();
    await expect(refresher.current(key)).rejects.toThrow(StoreUnavailableError);
    expect(seen).toEqual(['memory']);
    await refresher.settled();
  });
});

describe('the lock', () => {
  it('free → nobody waited; held by another process → one wait', async () => {
    const { seen, newRefresher, key } = await open();
    const { opened, open: answer } = gate();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const first = newRefresher().current(key);
    await until(() => world.simulator.stats.refreshes === 1);
    const second = newRefresher().current(key);
    // The second one stands in line when its read has been answered.
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    await Promise.all([first, second]);
    expect(seen).toEqual(['store', 'acquired']);
  });

  it('held for too long → a wait that led to nothing', async () => {
    const { seen, newRefresher, key } = await open();
    const { opened, open: answer } = gate();
    world.simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const first = newRefresher().current(key);
    await until(() => world.simulator.stats.refreshes === 1);
    await expect(newRefresher(20).current(key)).rejects.toThrow(LockTimeoutError);
    expect(seen).toEqual(['timed_out']);
    answer();
    await first;
  });
});

describe('the back-off', () => {
  it('a refresh too soon after two that failed → held off, and not sent', async () => {
    const { seen, newRefresher, key } = await open();
    world.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    const refresher = newRefresher();
    for (let n = 0; n < 3; n += 1) {
      await expect(refresher.current(key)).rejects.toThrow('server_error');
      await refresher.settled();
    }
    expect(seen).toEqual(['held off']);
    expect(world.simulator.stats.refreshes).toBe(2);
  });
});
