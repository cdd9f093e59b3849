import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Options, Store } from 'express-rate-limit';
import { type Stage } from '../support/contract.js';
import { until } from '../support/until.js';

/** What express-rate-limit does with a store when a limit is made. */
export async function opened(store: Store, windowMs = 60_000): Promise<Store> {
  await store.init?.({ windowMs } as Options);
  return store;
}

export const hits = async (store: Store, key: string) => (await store.increment(key)).totalHits;

export function rateLimitStoreContract(openStage: () => Promise<Stage>): void {
  describe('counts of a rate limit', () => {
    let stage: Stage;
    let names = 0;
    const newStore = (windowMs?: number) =>
      opened(stage.rateLimit(`limit-${(names += 1)}`), windowMs);

    beforeAll(async () => {
      stage = await openStage();
    });

    afterAll(() => stage.close());

    it('requests of one caller → one after the other, until the window is over', async () => {
      const store = await newStore();
      const all = await Promise.all(Array.from({ length: 20 }, () => hits(store, 'a')));
      expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
      const { resetTime } = await store.increment('a');
      expect(resetTime!.getTime() - Date.now()).toBeGreaterThan(50_000);
      expect(resetTime!.getTime() - Date.now()).toBeLessThanOrEqual(60_000);
    });

    it('another caller → a count of his own', async () => {
      const store = await newStore();
      await store.increment('a');
      expect(await hits(store, 'b')).toBe(1);
    });

    it('given back → one less, never below nothing', async () => {
      const store = await newStore();
      await store.increment('a');
      await store.increment('a');
      await store.decrement('a');
      expect(await hits(store, 'a')).toBe(2);
      for (let i = 0; i < 4; i += 1) await store.decrement('a');
      expect(await hits(store, 'a')).toBe(1);
    });

    it('the window is over → begins anew', async () => {
      const store = await newStore(20);
      for (let i = 0; i < 5; i += 1) await store.increment('a');
      await until(async () => (await hits(store, 'a')) < 5);
    });

    it('forgotten → begins anew', async () => {
      const store = await newStore();
      await store.increment('a');
      await store.resetKey('a');
      expect(await hits(store, 'a')).toBe(1);
    });
  });
}
