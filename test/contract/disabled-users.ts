import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DisabledUsers } from '../../src/grants/disabled-users.js';
import type { Stage } from '../support/contract.js';

export function disabledUsersContract(openStage: () => Promise<Stage>): void {
  describe('DisabledUsers', () => {
    let stage: Stage;
    let users: DisabledUsers;

    beforeAll(async () => {
      stage = await openStage();
      users = stage.disabledUsers;
    });

    afterAll(() => stage.close());

    it('nobody was added → nobody is disabled', async () => {
      expect(await users.has('anna')).toBe(false);
      expect(await users.all()).toEqual([]);
    });

    it('added, removed → disabled, and not any more; doing it twice says that nothing changed', async () => {
      expect([await users.add('berta'), await users.add('berta')]).toEqual([true, false]);
      expect(await users.has('berta')).toBe(true);
      expect([await users.remove('berta'), await users.remove('berta')]).toEqual([true, false]);
      expect(await users.has('berta')).toBe(false);
    });

    it('several → listed, each by itself', async () => {
      const ids = ['us-sandbox:Staff:a', 'us-sandbox:Staff:b', 'ca-sandbox:Staff:a'];
      for (const id of ids) await users.add(id);
      expect((await users.all()).sort()).toEqual([...ids].sort());
      await users.remove(ids[0]!);
      expect((await users.all()).sort()).toEqual(ids.slice(1).sort());
      expect(await users.has('us-sandbox:Staff')).toBe(false);
    });
  });
}
