import { describe, expect, it } from '@jest/globals';
import { createMemoryAuditTrail } from '../../src/memory/audit-trail.js';
import { createMemoryGrantRecords } from '../../src/memory/grant-records.js';
import { createMemoryPendingAuthorizations } from '../../src/memory/pending-authorizations.js';
import { createMemoryRefreshFailures } from '../../src/memory/refresh-failures.js';
import { createMemorySessionStore } from '../../src/memory/session-store.js';
import { createMemorySharedCounts } from '../../src/memory/shared-counts.js';
import { createMemoryUserActivity } from '../../src/memory/user-activity.js';
import { AT, all, entry, times } from '../contract/audit-trail.js';
import { first } from '../contract/refresh-failures.js';
import { batchOf } from '../contract/shared-counts.js';
import { entry as activityEntry } from '../contract/user-activity.js';
import { sessionRules } from '../support/contract.js';
import { load, stored, touch } from '../support/stored-sessions.js';

const DAY_MS = 86_400_000;

describe('what memory forgets, by the given clock', () => {
  it('an audit entry older than 90 days → with the next entry; acts of administrators stay', async () => {
    const clock = { now: AT };
    const trail = createMemoryAuditTrail({ now: () => clock.now });
    await trail.record('events', [entry(1)]);
    await trail.record('administration', [entry(2)]);
    clock.now += 91 * DAY_MS;
    await trail.record('events', [entry(3)]);
    expect(times(await all(trail))).toEqual([3, 2]);
  });

  it('the version of a removed grant → a day after its removal; stored grants stay', async () => {
    let now = 1_000;
    const records = createMemoryGrantRecords({ now: () => now });
    const record = { version: 1, sealed: 'sealed-1' };
    await records.compareAndSet('removed', record, 0);
    await records.compareAndSet('kept', record, 0);
    await records.remove('removed');
    now += DAY_MS - 1;
    expect(await records.lastVersion('removed')).toBe(2);
    now += 1;
    expect(await records.lastVersion('removed')).toBe(0);
    expect(await records.read('kept')).toEqual(record);
  });

  it('a pending authorization → at the end of its time', async () => {
    let now = 1_000;
    const pending = createMemoryPendingAuthorizations({ now: () => now });
    await pending.save('state', 'sealed', 600_000);
    now += 599_999;
    expect(await pending.peek('state')).toBe('sealed');
    now += 1;
    expect(await pending.take('state')).toBeUndefined();
  });

  it('a failure of a refresh → five minutes after its wait', async () => {
    let now = 0;
    const failures = createMemoryRefreshFailures({ now: () => now });
    await failures.keep('id', first, 60_000);
    now = 6 * 60_000 - 1;
    expect(await failures.read('id')).toMatchObject({ waitMs: 0 });
    now += 1;
    expect(await failures.read('id')).toBeUndefined();
  });

  it('a window of shared counts → when it is over', async () => {
    let now = 0;
    const shared = createMemorySharedCounts({ now: () => now });
    await shared.add(batchOf({ a: 1 }, { ttlMs: 1_000 }));
    now = 1_000;
    expect(await shared.add(batchOf({ a: 1 }))).toEqual([1]);
  });

  it('a session → at the end of its time, which a touch extends', async () => {
    let now = 0;
    const store = createMemorySessionStore({ ...sessionRules, now: () => now });
    const one = await stored(store, { ttlMs: 1_000 });
    now = 499;
    await touch(store, one);
    now = 1_498;
    expect(await load(store, one.id)).toBeDefined();
    now = 1_499;
    expect(await load(store, one.id)).toBeUndefined();
  });

  it('activity of more owners than it remembers → that of the one to whom nothing happens', async () => {
    const activity = createMemoryUserActivity();
    await activity.record('busy', activityEntry(1));
    await activity.record('quiet', activityEntry(1));
    for (let one = 0; one < 999; one += 1) {
      await activity.record('busy', activityEntry(2));
      await activity.record(`owner ${one}`, activityEntry(1));
    }
    expect((await activity.list('quiet', { limit: 1 })).entries).toEqual([]);
    expect((await activity.list('busy', { limit: 1 })).entries).toHaveLength(1);
  });
});
