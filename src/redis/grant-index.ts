import { GRANT_STATUSES, type GrantIndex, type IndexQuery } from '../grants/grant-index.js';
import type { GrantStatus } from '../grants/grant.js';
import { REGISTRATION_IDS } from '../oauth/registration.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

// One step: a grant is never without an entry, and never has two.
const PUT = `
redis.call('ZREM', KEYS[1], ARGV[2])
return redis.call('ZADD', KEYS[1], 0, ARGV[1])`;

const ENTER = `
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then return 0 end
return redis.call('ZADD', KEYS[1], 0, ARGV[1])`;

// All ranges at the same moment: a grant that changes its status meanwhile is in one of them.
const PAGE = `
local found = {}
for at = 2, #ARGV, 2 do
  found[#found + 1] = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[at], ARGV[at + 1], 'LIMIT', 0, ARGV[1])
end
return found`;

const COUNTS = `
local counts = {}
for at = 1, #ARGV, 2 do
  counts[#counts + 1] = redis.call('ZLEXCOUNT', KEYS[1], ARGV[at], ARGV[at + 1])
end
return counts`;

/**
 * The index of grants in Redis: one sorted set of `<status>:<id>`, in which all scores are the same, so
 * that its order is that of the names and what is looked for is a few ranges of them.
 */
export function createRedisGrantIndex(client: RedisClient): GrantIndex {
  const { grantIndex: key, grantIndexChecked: checked } = keysOf(client);
  const change = (operation: string, work: () => Promise<unknown>) =>
    storeCall(operation, async () => {
      await work();
    });
  return {
    enter: (id) =>
      change('index entry', () =>
        client.eval(ENTER, 1, key, member('active', id), member('needs_reconnect', id)),
      ),
    put: (id, status) =>
      change('index entry', () =>
        client.eval(PUT, 1, key, member(status, id), member(otherThan(status), id)),
      ),
    drop: (id) =>
      change('index removal', () =>
        client.zrem(key, ...GRANT_STATUSES.map((status) => member(status, id))),
      ),

    page: (query) =>
      storeCall('index page', async () => {
        const ranges = rangesOf(query).flat();
        const found = (await client.eval(PAGE, 1, key, query.limit, ...ranges)) as string[][];
        const entries = found.flat().map(entryOf);
        return entries.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(0, query.limit);
      }),

    counts: () =>
      storeCall('index counts', async () => {
        const kinds = REGISTRATION_IDS.flatMap((registration) =>
          GRANT_STATUSES.map((status) => ({ registration, status })),
        );
        const ranges = kinds.flatMap((kind) => rangesOf(kind).flat());
        const counts = (await client.eval(COUNTS, 1, key, ...ranges)) as number[];
        return kinds.map((kind, at) => ({ ...kind, grants: counts[at] ?? 0 }));
      }),

    isChecked: () => storeCall('index check', async () => (await client.exists(checked)) === 1),
    noteChecked: (forMs) =>
      change('index check', () => client.set(checked, Date.now(), 'PX', forMs)),
  };
}

function otherThan(status: GrantStatus): GrantStatus {
  return status === 'active' ? 'needs_reconnect' : 'active';
}

function member(status: GrantStatus, id: string): string {
  return `${status}:${id}`;
}

function entryOf(text: string) {
  const at = text.indexOf(':');
  return { status: text.slice(0, at) as GrantStatus, id: text.slice(at + 1) };
}

/** Bounds of ZRANGEBYLEX. All names are ASCII, so their order is the same here and in Redis. */
function rangesOf(query: Omit<IndexQuery, 'limit'>): [from: string, to: string][] {
  const { registration, type, status, after } = query;
  const registrations = registration === undefined ? REGISTRATION_IDS : [registration];
  // Ids begin with the registration, so those of a type are together within each registration.
  const kinds =
    type !== undefined
      ? registrations.map((one) => `${one}:${type}:`)
      : [registration === undefined ? '' : `${registration}:`];
  const statuses = status === undefined ? GRANT_STATUSES : [status];
  return statuses.flatMap((one) =>
    kinds.map((kind): [string, string] => {
      const first = member(one, kind);
      const last = after === undefined ? '' : member(one, after);
      // The character behind ":" ends what begins with it.
      return [last >= first ? `(${last}` : `[${first}`, `(${first.slice(0, -1)};`];
    }),
  );
}
