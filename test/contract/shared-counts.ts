import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CountBatch, SharedCounts } from '../../src/http/shared-counts.js';
import type { Stage } from '../support/contract.js';

let made = 0;

export function batchOf(
  counts: Record<string, number>,
  about: Partial<CountBatch> = {},
): CountBatch {
  const id = `batch-${(made += 1)}`;
  return { id, window: 60_000, ttlMs: 60_000, counts: new Map(Object.entries(counts)), ...about };
}

export function sharedCountsContract(openStage: () => Promise<Stage>): void {
  describe('SharedCounts', () => {
    let stage: Stage;
    let shared: SharedCounts;
    let window = 0;

    beforeAll(async () => {
      stage = await openStage();
      shared = stage.sharedCounts;
    });

    afterAll(() => stage.close());

    const next = () => ({ window: (window += 60_000) });

    it('the first batch → its own counts, in its order', async () => {
      expect(await shared.add(batchOf({ b: 2, a: 1, c: 3 }, next()))).toEqual([2, 1, 3]);
    });

    it('another batch → the sums of both', async () => {
      const at = next();
      await shared.add(batchOf({ a: 1, b: 2 }, at));
      expect(await shared.add(batchOf({ b: 40, c: 5 }, at))).toEqual([42, 5]);
    });

    it('the same batch again → added once, and the sums as they are by now', async () => {
      const at = next();
      const batch = batchOf({ a: 1 }, at);
      await shared.add(batch);
      await shared.add(batchOf({ a: 10 }, at));
      expect(await shared.add(batch)).toEqual([11]);
      expect(await shared.add(batch)).toEqual([11]);
    });

    it('the next window → starts at nothing', async () => {
      await shared.add(batchOf({ a: 7 }, next()));
      expect(await shared.add(batchOf({ a: 1 }, next()))).toEqual([1]);
    });

    it('five thousand callers → one batch', async () => {
      const counts = Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`c${at}`, at]));
      expect(await shared.add(batchOf(counts, next()))).toEqual(Object.values(counts));
    });
  });
}
