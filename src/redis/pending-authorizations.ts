import type { PendingAuthorizations } from '../oauth/pending-authorizations.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

/** By the clock of Redis, which all processes share. Entries stand in the order in which they end. */
const ENTER = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], last[2])
local surplus = math.min(redis.call('ZCARD', KEYS[1]) - ARGV[3], 1000)
if surplus < 1 then return {} end
local oldest = redis.call('ZRANGE', KEYS[1], 0, surplus - 1)
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, surplus - 1)
return oldest`;

/** Pending authorizations in Redis, one string each; GETDEL (Redis 6.2) hands each out once. */
export function createRedisPendingAuthorizations(client: RedisClient): PendingAuthorizations {
  const { pending: pendingKey, pendingList } = keysOf(client);
  return {
    save: (id, value, ttlMs) =>
      storeCall('pending authorization write', async () => {
        await client.set(pendingKey(id), value, 'PX', Math.max(1, Math.floor(ttlMs)));
      }),

    saveNew: (id, value, ttlMs) =>
      storeCall('pending authorization write', async () => {
        const lifetimeMs = Math.max(1, Math.floor(ttlMs));
        return (await client.set(pendingKey(id), value, 'PX', lifetimeMs, 'NX')) === 'OK';
      }),

    take: (id) =>
      storeCall(
        'pending authorization take',
        async () => (await client.getdel(pendingKey(id))) ?? undefined,
      ),

    peek: (id) =>
      storeCall(
        'pending authorization read',
        async () => (await client.get(pendingKey(id))) ?? undefined,
      ),

    enter: (list, id, { ttlMs, most }) =>
      storeCall('pending authorization listing', async () => {
        const ttl = Math.max(1, Math.floor(ttlMs));
        return (await client.eval(ENTER, 1, pendingList(list), id, ttl, most)) as string[];
      }),

    leave: (list, id) =>
      storeCall('pending authorization listing', async () => {
        await client.zrem(pendingList(list), id);
      }),
  };
}
