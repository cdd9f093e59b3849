import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { type CallCounts, createCallCounts } from '../../src/http/call-counts.js';
import type { CountBatch, SharedCounts } from '../../src/http/shared-counts.js';
import { createMemorySharedCounts } from '../../src/memory/shared-counts.js';
import { rejection } from '../fixtures/shown.js';
import { createClock } from '../support/custody.js';
import { gate } from '../support/gate.js';

const MINUTE = 60_000;

/** A store whose trouble is made by hand, and what it was sent. */
function troubled(inner: SharedCounts) {
  const sent: CountBatch[] = [];
  const state = { refuses: false, losesAnswers: false };
  const add = async (batch: CountBatch) => {
    sent.push(batch);
    if (state.refuses) throw new StoreUnavailableError('test', undefined);
    const sums = await inner.add(batch);
    if (state.losesAnswers) throw new StoreUnavailableError('test', undefined);
    return sums;
  };
  return { add, sent, state };
}

function setUp(options: { most?: number; mostAtOnce?: number } = {}) {
  const clock = createClock();
  // In the middle of a window, so that a test does not run into the next one.
  clock.advance(MINUTE - (clock.now() % MINUTE) + MINUTE / 2);
  const shared = troubled(createMemorySharedCounts({ now: clock.now }));
  const newProcess = () =>
    createCallCounts({ shared, windowMs: MINUTE, now: clock.now, ...options });
  return { clock, shared, newProcess };
}

function call(counts: CallCounts, key = 'a', times = 1): number {
  const count = counts.counter('user');
  let { calls } = { calls: 0 };
  for (let i = 0; i < times; i += 1) ({ calls } = count(key));
  return calls;
}

describe('createCallCounts', () => {
  it('calls → counted at once, without a question to the store', () => {
    const { shared, newProcess } = setUp();
    const counts = newProcess();
    expect([call(counts), call(counts), call(counts, 'b')]).toEqual([1, 2, 1]);
    expect(shared.sent).toEqual([]);
  });

  it('the same caller for two limits → two counts', () => {
    const counts = setUp().newProcess();
    for (let i = 0; i < 3; i += 1) counts.counter('address')('a');
    expect(call(counts)).toBe(1);
  });

  it('two processes → each learns what the other counted when both have shared', async () => {
    const { newProcess } = setUp();
    const [one, other] = [newProcess(), newProcess()];
    call(one, 'a', 10);
    call(other, 'a', 5);
    await one.share();
    await other.share();
    expect(call(other)).toBe(16);
    await other.share();
    call(one);
    await one.share();
    expect(call(one)).toBe(18);
  });

  it('shared again → what is new since, and nothing when nothing is', async () => {
    const { shared, newProcess } = setUp();
    const counts = newProcess();
    await counts.share();
    call(counts, 'a', 3);
    call(counts, 'b');
    await counts.share();
    await counts.share();
    call(counts, 'b', 2);
    await counts.share();
    expect(shared.sent.map((batch) => [...batch.counts])).toEqual([
      [
        ['user:a', 3],
        ['user:b', 1],
      ],
      [['user:b', 2]],
    ]);
  });

  it('calls while a batch is on its way → counted, and in the next one', async () => {
    const { clock } = setUp();
    const { opened, open } = gate();
    const inner = createMemorySharedCounts({ now: clock.now });
    const add = async (batch: CountBatch) => opened.then(() => inner.add(batch));
    const counts = createCallCounts({ shared: { add }, windowMs: MINUTE, now: clock.now });
    call(counts, 'a', 4);
    const sharing = counts.share();
    expect(call(counts)).toBe(5);
    open();
    await sharing;
    expect(call(counts)).toBe(6);
    await counts.share();
    expect(call(counts)).toBe(7);
  });

  it('the store is away → counts on alone, and all of it is shared afterwards', async () => {
    const { shared, newProcess } = setUp();
    const [one, other] = [newProcess(), newProcess()];
    shared.state.refuses = true;
    for (let i = 1; i <= 5; i += 1) {
      expect(call(one, 'a', 2)).toBe(2 * i);
      expect(await rejection(one.share())).toBeInstanceOf(StoreUnavailableError);
    }
    shared.state.refuses = false;
    await one.share();
    await one.share();
    call(other);
    await other.share();
    expect(call(other)).toBe(12);
  });

  it('answers get lost → the same batch again, counted once', async () => {
    const { shared, newProcess } = setUp();
    const counts = newProcess();
    call(counts, 'a', 7);
    shared.state.losesAnswers = true;
    for (let i = 0; i < 4; i += 1) await rejection(counts.share());
    shared.state.losesAnswers = false;
    await counts.share();
    expect(new Set(shared.sent.map(({ id }) => id)).size).toBe(1);
    expect(call(counts)).toBe(8);
  });

  it('the store has lost its data → what is known here stays counted', async () => {
    const { shared, newProcess } = setUp();
    const counts = newProcess();
    call(counts, 'a', 9);
    await counts.share();
    const empty = { ...shared, add: () => Promise.resolve([1]) };
    Object.assign(shared, empty);
    call(counts);
    await counts.share();
    expect(call(counts)).toBe(11);
  });

  it('the next window → begins at nothing, ends where the clock says, and takes no old batch along', async () => {
    const { clock, shared, newProcess } = setUp();
    const counts = newProcess();
    shared.state.refuses = true;
    call(counts, 'a', 9);
    await rejection(counts.share());
    shared.state.refuses = false;
    clock.advance(MINUTE);
    const { calls, resetAt } = counts.counter('user')('a');
    expect(calls).toBe(1);
    expect(resetAt % MINUTE).toBe(0);
    expect(resetAt - clock.now()).toBe(MINUTE / 2);
    await counts.share();
    expect(call(counts)).toBe(2);
  });

  it('the window ends while a batch is on its way → the new one is not mixed up with it', async () => {
    const { clock } = setUp();
    const { opened, open } = gate();
    const add = (batch: CountBatch) => opened.then(() => [...batch.counts.values()]);
    const counts = createCallCounts({ shared: { add }, windowMs: MINUTE, now: clock.now });
    call(counts, 'a', 50);
    const sharing = counts.share();
    clock.advance(MINUTE);
    expect(call(counts)).toBe(1);
    open();
    await sharing;
    expect(call(counts)).toBe(2);
  });

  it('more callers than are remembered → who called longest ago is forgotten', () => {
    const counts = setUp({ most: 3 }).newProcess();
    for (const key of ['a', 'b', 'c', 'a', 'd']) call(counts, key);
    expect([call(counts, 'a'), call(counts, 'd'), call(counts, 'b')]).toEqual([3, 2, 1]);
  });

  it('forgotten here and seen again → the sum is learned from the store', async () => {
    const counts = setUp({ most: 1 }).newProcess();
    call(counts, 'a', 20);
    await counts.share();
    call(counts, 'b');
    call(counts, 'a');
    await counts.share();
    expect(call(counts, 'a')).toBe(22);
  });

  it('more callers than fit into a batch → the others follow', async () => {
    const { shared, newProcess } = setUp({ mostAtOnce: 2 });
    const counts = newProcess();
    for (const key of ['a', 'b', 'c', 'd', 'e']) call(counts, key);
    for (let i = 0; i < 4; i += 1) await counts.share();
    expect(shared.sent.map((batch) => [...batch.counts.keys()])).toEqual([
      ['user:a', 'user:b'],
      ['user:c', 'user:d'],
      ['user:e'],
    ]);
  });
});
