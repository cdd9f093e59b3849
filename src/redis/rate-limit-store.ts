import { createHash } from 'node:crypto';
import type { Store } from 'express-rate-limit';
import { type RedisReply, RedisStore, type SendCommandClusterDetails } from 'rate-limit-redis';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

/** A plain DECR would make a key that never ends where the window is over. */
const GIVE_BACK = `
if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
return redis.call('DECR', KEYS[1])`;

/**
 * Counts of one limit in Redis, one string for each caller, from the first request on until the window
 * is over. rate-limit-redis loads its scripts when it is made, and from then on relies on Redis having
 * them. Here they stay with us and are sent along: a Redis that is away at the start, was emptied, or is
 * another one after a fail-over makes no difference.
 *
 * Everything fails with StoreUnavailableError: whoever asks needs the store anyway.
 */
export function createRedisRateLimitStore(client: RedisClient, name: string): Store {
  const scripts = new Map<string, string>();

  function load(script = ''): string {
    const sha = createHash('sha1').update(script).digest('hex');
    scripts.set(sha, script);
    return sha;
  }

  async function send({ command }: SendCommandClusterDetails): Promise<RedisReply> {
    const [verb = '', ...args] = command;
    if (verb === 'SCRIPT') return load(args[1]);
    return await storeCall('rate limit', () => run(verb, args));
  }

  async function run(verb: string, args: string[]): Promise<RedisReply> {
    const [first = '', , key = '', ...others] = args;
    switch (verb) {
      case 'EVALSHA':
        return (await client.eval(scripts.get(first) ?? '', 1, key, ...others)) as RedisReply;
      case 'DECR':
        return (await client.eval(GIVE_BACK, 1, first)) as RedisReply;
      case 'DEL':
        return await client.del(first);
      default:
        throw new Error(`rate-limit-redis sent ${verb}, which it did not do before`);
    }
  }

  return new RedisStore({ prefix: keysOf(client).rateLimit(name, ''), sendCommandCluster: send });
}
