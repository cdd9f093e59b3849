import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PendingAuthorizations } from '../../src/oauth/pending-authorizations.js';
import { type Stage } from '../support/contract.js';
import { until } from '../support/until.js';

let ids = 0;
const newId = () => `state-${(ids += 1)}`;

export function pendingAuthorizationsContract(openStage: () => Promise<Stage>): void {
  describe('PendingAuthorizations', () => {
    let stage: Stage;
    let pending: PendingAuthorizations;

    beforeAll(async () => {
      stage = await openStage();
      pending = stage.pending;
    });

    afterAll(() => stage.close());

    it('never saved → nothing to take or to look at', async () => {
      expect(await pending.take('unknown')).toBeUndefined();
      expect(await pending.peek('unknown')).toBeUndefined();
    });

    it('saved → taken once, then gone', async () => {
      const id = newId();
      await pending.save(id, 'sealed', 60_000);
      expect(await pending.take(id)).toBe('sealed');
      expect(await pending.take(id)).toBeUndefined();
      expect(await pending.peek(id)).toBeUndefined();
    });

    it('50 callers save a new one → exactly one does, and its value stays', async () => {
      const id = newId();
      const values = Array.from({ length: 50 }, (_, i) => `value ${i}`);
      const saved = await Promise.all(values.map((value) => pending.saveNew(id, value, 60_000)));
      expect(saved.filter(Boolean)).toHaveLength(1);
      expect(await pending.peek(id)).toBe(values[saved.indexOf(true)]);
      await pending.take(id);
      expect(await pending.saveNew(id, 'another', 60_000)).toBe(true);
    });

    it('looked at → still there', async () => {
      const id = newId();
      await pending.save(id, 'sealed', 60_000);
      expect(await pending.peek(id)).toBe('sealed');
      expect(await pending.take(id)).toBe('sealed');
    });

    it('50 callers take the same one → exactly one gets it', async () => {
      const id = newId();
      await pending.save(id, 'sealed', 60_000);
      const taken = await Promise.all(Array.from({ length: 50 }, () => pending.take(id)));
      expect(taken.filter((value) => value !== undefined)).toEqual(['sealed']);
    });

    it('ten at once → each keeps its own value', async () => {
      const each = Array.from({ length: 10 }, newId);
      await Promise.all(each.map((id) => pending.save(id, `value of ${id}`, 60_000)));
      const taken = await Promise.all(each.map((id) => pending.take(id)));
      expect(taken).toEqual(each.map((id) => `value of ${id}`));
    });

    it('lifetime over → forgotten', async () => {
      const id = newId();
      await pending.save(id, 'sealed', 30);
      await until(async () => (await pending.peek(id)) === undefined);
      expect(await pending.take(id)).toBeUndefined();
    });

    it('a list with more than it may hold → the oldest are struck off and answered', async () => {
      const [a = '', b = '', c = '', d = ''] = Array.from({ length: 4 }, newId);
      const list = newId();
      const enter = (id: string) => pending.enter(list, id, { ttlMs: 60_000, most: 2 });
      expect([await enter(a), await enter(b)]).toEqual([[], []]);
      expect(await enter(c)).toEqual([a]);
      await pending.leave(list, b);
      expect(await enter(d)).toEqual([]);
      expect(await pending.enter(newId(), a, { ttlMs: 60_000, most: 1 })).toEqual([]);
    });

    it('an entry whose lifetime is over → does not count, and those that live longer stay', async () => {
      const [kept = '', short = '', last = ''] = Array.from({ length: 3 }, newId);
      const list = newId();
      await pending.enter(list, kept, { ttlMs: 60_000, most: 2 });
      await pending.enter(list, short, { ttlMs: 30, most: 2 });
      await pending.save(short, 'sealed', 30);
      await until(async () => (await pending.peek(short)) === undefined);
      expect(await pending.enter(list, last, { ttlMs: 60_000, most: 2 })).toEqual([]);
      expect(await pending.enter(list, newId(), { ttlMs: 60_000, most: 2 })).toEqual([kept]);
    });
  });
}
