import type { PendingAuthorizations } from '../oauth/pending-authorizations.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

/** Pending authorizations in Redis, one string each; GETDEL (Redis 6.2) hands each out once. */
export function createRedisPendingAuthorizations(client: RedisClient): PendingAuthorizations {
  const { pending: pendingKey } = keysOf(client);
  return {
    save: (id, value, ttlMs) =>
      storeCall('pending authorization write', async () => {
        await client.set(pendingKey(id), value, 'PX', Math.max(1, Math.floor(ttlMs)));
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
  };
}
