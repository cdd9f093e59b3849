import { z } from 'zod';
import { ACTIVITY_KEPT, type ActivityEntry, type UserActivity } from '../grants/user-activity.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

const LIFETIME_MS = 90 * 24 * 60 * 60_000;

/** Of a Date. */
const LAST_MOMENT = 8.64e15;

// One round trip, also in a cluster; without the lifetime an entry must not be there at all.
const RECORD = `
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** An id of a stream that Redis takes for the end of a range; it knows no id before 0-1. */
const CURSOR = /^[1-9]\d{0,14}-\d{1,9}$/;

const storedEntry = z.object({
  event: z.string(),
  at: z.coerce.number().min(0).max(LAST_MOMENT),
  requestId: z.string().exactOptional(),
  reason: z.string().exactOptional(),
  outcome: z.string().exactOptional(),
  device: z.string().exactOptional(),
  address: z.string().exactOptional(),
  sessions: z.coerce.number().exactOptional(),
  missing: z.string().exactOptional(),
});

/** What happened to users in Redis, one stream each. */
export function createRedisUserActivity(client: RedisClient): UserActivity {
  const { activity: activityKey } = keysOf(client);
  return {
    record: (owner, entry) =>
      storeCall('activity write', async () => {
        const fields = Object.entries(entry).flat() as (string | number)[];
        const bounds = [ACTIVITY_KEPT, LIFETIME_MS];
        await client.eval(RECORD, 1, activityKey(owner), ...bounds, ...fields);
      }),

    list: (owner, { limit, before = '' }) =>
      storeCall('activity read', async () => {
        const from = CURSOR.test(before) ? `(${before}` : '+';
        // One more than wanted tells whether there is another page.
        const found = await client.xrevrange(activityKey(owner), from, '-', 'COUNT', limit + 1);
        const shown = found.slice(0, limit);
        const next = found.length > limit ? shown.at(-1)?.[0] : undefined;
        return { entries: shown.flatMap(([, fields]) => entryOf(fields)), next };
      }),
  };
}

/** What cannot be read is left out. */
function entryOf(fields: readonly string[]): ActivityEntry[] {
  const pairs = fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]]] : []));
  const parsed = storedEntry.safeParse(Object.fromEntries(pairs));
  return parsed.success ? [parsed.data] : [];
}
