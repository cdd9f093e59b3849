import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  ACTIVITY_KEPT,
  type ActivityEntry,
  type UserActivity,
} from '../../src/grants/user-activity.js';
import type { Stage } from '../support/contract.js';

export const entry = (at: number, more: Partial<ActivityEntry> = {}): ActivityEntry => ({
  ...{ event: 'signed_in', at },
  ...more,
});

const times = ({ entries }: { entries: readonly ActivityEntry[] }) => entries.map(({ at }) => at);

export function userActivityContract(openStage: () => Promise<Stage>): void {
  describe('UserActivity', () => {
    let stage: Stage;
    let activity: UserActivity;

    beforeAll(async () => {
      stage = await openStage();
      activity = stage.activity;
    });

    afterAll(() => stage.close());

    async function recordAll(owner: string, count: number): Promise<void> {
      for (let at = 1; at <= count; at += 1) await activity.record(owner, entry(at));
    }

    it('nothing happened → an empty page, and no other', async () => {
      expect(await activity.list('anna', { limit: 20 })).toEqual({ entries: [], next: undefined });
    });

    it('an entry with everything, and one with nothing but its event → read as written', async () => {
      const full = {
        ...{ event: 'x', at: 1_767_229_200_123, reason: 'no_answer', outcome: 'revoked' },
        ...{ device: 'Chrome on Windows', address: '2001:db8::1', sessions: 0 },
        missing: 'patients:read catalog:read',
      };
      await activity.record('berta', full);
      await activity.record('berta', entry(2));
      const { entries } = await activity.list('berta', { limit: 20 });
      expect(entries).toEqual([{ event: 'signed_in', at: 2 }, full]);
      expect(Object.keys(entries[0]!).sort()).toEqual(['at', 'event']);
    });

    it('paged → the newest first, each once, the last page has no next', async () => {
      await recordAll('carla', 7);
      const first = await activity.list('carla', { limit: 3 });
      const second = await activity.list('carla', { limit: 3, before: first.next });
      const third = await activity.list('carla', { limit: 3, before: second.next });
      expect([first, second, third].map(times)).toEqual([[7, 6, 5], [4, 3, 2], [1]]);
      expect(third.next).toBeUndefined();
    });

    it('as many entries as the page holds → no next page', async () => {
      await recordAll('dora', 3);
      expect((await activity.list('dora', { limit: 3 })).next).toBeUndefined();
    });

    it('recorded between two pages → the second goes on where the first ended', async () => {
      await recordAll('emma', 4);
      const { next } = await activity.list('emma', { limit: 2 });
      await activity.record('emma', entry(5));
      expect(times(await activity.list('emma', { limit: 2, before: next }))).toEqual([2, 1]);
    });

    it.each(['', 'x', '0-0', '0', '-1', '1e9', '+', '(1-1', `${'9'.repeat(30)}-1`, '1-1 COUNT 5'])(
      'cursor %j → the first page',
      async (before) => {
        await activity.record(`frida ${before}`, entry(1));
        expect(times(await activity.list(`frida ${before}`, { limit: 2, before }))).toEqual([1]);
      },
    );

    it('another owner, and one with a name alike → their own entries only', async () => {
      const owners = ['us-sandbox:Staff:a', 'us-sandbox:Staff:a%3A', 'ca-sandbox:Staff:a'];
      for (const [at, owner] of owners.entries()) await activity.record(owner, entry(at));
      for (const [at, owner] of owners.entries()) {
        expect(times(await activity.list(owner, { limit: 20 }))).toEqual([at]);
      }
      expect(times(await activity.list('us-sandbox:Staff', { limit: 20 }))).toEqual([]);
    });

    it('thousands → the latest stay, and not many more', async () => {
      await recordAll('gerda', 3 * ACTIVITY_KEPT);
      const { entries } = await activity.list('gerda', { limit: 10 * ACTIVITY_KEPT });
      expect(entries[0]).toEqual(entry(3 * ACTIVITY_KEPT));
      expect(entries.length).toBeGreaterThanOrEqual(ACTIVITY_KEPT);
      expect(entries.length).toBeLessThan(2 * ACTIVITY_KEPT);
    });
  });
}
