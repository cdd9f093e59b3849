import { z } from 'zod';
import {
  FAILURE_REMEMBERED_MS,
  type RefreshFailure,
  type RefreshFailures,
} from '../grants/refresh-failures.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';
import { overWrongType } from './wrong-type.js';

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

const READ = `${NOW}
${overWrongType("'HMGET', KEYS[1], 'f', 'u'")}
if not probe or not probe[1] then return false end
return {probe[1], math.max(0, (tonumber(probe[2]) or 0) - now)}`;

const KEEP = `${NOW}
redis.call('HSET', KEYS[1], 'f', ARGV[1], 'u', string.format('%.0f', now + ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2] + ARGV[3])
return 1`;

const failureText = z.object({
  version: z.number(),
  count: z.number(),
  code: z.string().transform((code) => code as RefreshFailure['code']),
  status: z.number().optional(),
  byHand: z.boolean(),
});

/** Failed refreshes in Redis, one hash each, beside grant and lock of the same id. */
export function createRedisRefreshFailures(client: RedisClient): RefreshFailures {
  const { refreshFailure: refreshFailureKey } = keysOf(client);
  return {
    read: (id) =>
      storeCall('refresh failure read', async () => {
        const found = (await client.eval(READ, 1, refreshFailureKey(id))) as
          [string, number] | null;
        if (found === null) return undefined;
        const parsed = failureText.safeParse(jsonOf(found[0]));
        // What cannot be read must not keep a grant from being refreshed.
        if (!parsed.success) return undefined;
        const { status, ...failure } = parsed.data;
        return { ...failure, status, waitMs: found[1] };
      }),

    keep: (id, failure, waitMs) =>
      storeCall('refresh failure write', async () => {
        const times = [Math.ceil(waitMs), FAILURE_REMEMBERED_MS];
        await client.eval(KEEP, 1, refreshFailureKey(id), JSON.stringify(failure), ...times);
      }),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
