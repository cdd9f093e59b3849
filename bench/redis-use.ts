import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Contestant } from './contestant.js';
import { loadWell } from './http-load.js';
import { type UsePerRequest, parseRedisUse, usePerRequest } from './redis-stats.js';

/**
 * What a request costs in Redis. The requests go one after another over one connection, so that nothing of
 * one is sent together with another's.
 *
 * @returns undefined for one that has no Redis.
 */
export async function measureRedisUse(
  contestant: Contestant,
  { requests, total }: { requests: readonly Buffer[]; total: number },
): Promise<UsePerRequest | undefined> {
  const { redis, port, spec } = contestant;
  if (redis === undefined) return undefined;
  return withClient(redis.url, async (client) => {
    const writing = await writingCommands(client);
    await client.config('RESETSTAT');
    const { tookMs } = await loadWell(spec.name, { port, requests, total, connections: 1 });
    const busy = parseRedisUse(await client.info('everything'));
    await client.config('RESETSTAT');
    await delay(tookMs);
    const idle = parseRedisUse(await client.info('everything'));
    return usePerRequest({ busy, idle, writing, requests: total });
  });
}

/** By the list of the server itself. */
async function writingCommands(client: Redis): Promise<ReadonlySet<string>> {
  const names = (await client.call('COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', 'write')) as string[];
  return new Set(names.map((name) => name.toLowerCase()));
}

/** A client of the harness, closed afterwards. */
export async function withClient<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}
