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
  });
}
