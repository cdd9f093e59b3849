import { createBoundedMap } from '../grants/bounded-map.js';
import { ACTIVITY_KEPT, type ActivityEntry, type UserActivity } from '../grants/user-activity.js';

interface Kept {
  readonly number: number;
  readonly entry: ActivityEntry;
}

const OWNERS_REMEMBERED = 1_000;

/** What happened to users of this process, forgotten with it; who was quiet for longest goes first. */
export function createMemoryUserActivity(): UserActivity {
  const owners = createBoundedMap<readonly Kept[]>(OWNERS_REMEMBERED);
  let last = 0;
  return {
    record: (owner, entry) => {
      last += 1;
      const kept = [{ number: last, entry }, ...(owners.get(owner) ?? [])];
      owners.set(owner, kept.slice(0, ACTIVITY_KEPT));
      return Promise.resolve();
    },
    list: (owner, { limit, before = '' }) => {
      const from = /^[1-9]\d{0,14}$/.test(before) ? Number(before) : Infinity;
      const older = (owners.get(owner) ?? []).filter(({ number }) => number < from);
      const shown = older.slice(0, limit);
      const next = older.length > limit ? shown.at(-1)?.number : undefined;
      return Promise.resolve({
        entries: shown.map(({ entry }) => entry),
        next: next === undefined ? undefined : String(next),
      });
    },
  };
}
