import { afterEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { type ClientOptions, closeRedis, connectRedis } from '../../src/redis/client.js';
import { createRedisConnectionSignals } from '../../src/redis/connection-signals.js';
import { signalChannel } from '../support/keys.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { openListeners } from '../contract/connection-signals.js';
import { startRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';

describe('ConnectionSignals in Redis', () => {
  const closing: (() => Promise<void>)[] = [];
  const { listening, endAll } = openListeners();

  afterEach(async () => {
    endAll();
    for (const close of closing.splice(0)) await close();
  });

  async function opened(options: ClientOptions = {}) {
    const redis = await startRedis();
    const client = connectRedis(parseStoreUrl(redis.url), options) as Redis;
    await until(() => client.status === 'ready');
    const errors: string[] = [];
    const signals = createRedisConnectionSignals({
      client,
      onError: ({ message }) => errors.push(message),
      pingMs: 50,
    });
    const close = async () => {
      signals.close();
      await closeRedis(client);
      await redis.stop();
    };
    closing.push(close);
    return { redis, client, errors, signals };
  }

  /** Names of channels that somebody is subscribed to. */
  const channels = (client: Redis) => client.pubsub('CHANNELS') as Promise<string[]>;

  it('nobody has listened → no connection of its own; then one, for all owners', async () => {
    const { client, signals } = await opened();
    const clients = async () =>
      String(await client.client('LIST'))
        .trim()
        .split('\n').length;
    signals.tell('me');
    expect(await clients()).toBe(1);
    for (const owner of ['me', 'you', 'me']) await listening(signals, owner);
    expect(await clients()).toBe(2);
    expect((await channels(client)).sort()).toEqual([signalChannel('me'), signalChannel('you')]);
  });

  it('the last listener of an owner goes → unsubscribed, and not before', async () => {
    const { client, signals } = await opened();
    const [one, other] = [await listening(signals, 'me'), await listening(signals, 'me')];
    await listening(signals, 'you');
    one.end();
    one.end();
    signals.tell('me');
    await until(() => other.heard.times > 0);
    other.end();
    await until(async () => (await channels(client)).join() === signalChannel('you'));
  });

  it('Redis restarts → listeners are signalled by themselves, and hear again', async () => {
    const { redis, errors, signals, client } = await opened();
    const [me, you] = [await listening(signals, 'me'), await listening(signals, 'you')];
    await redis.restart();
    await until(() => me.heard.times > 0 && you.heard.times > 0);
    await until(() => client.status === 'ready');
    me.heard.times = 0;
    signals.tell('me');
    await until(() => me.heard.times > 0);
    expect(errors.filter((one) => !/ECONN|ENOENT|closed|Socket/i.test(one))).toEqual([]);
  });

  it('Redis is silent for a while → signals come again', async () => {
    const { redis, signals } = await opened();
    const me = await listening(signals, 'me');
    redis.pause();
    const heard = { times: 0 };
    signals.listen('you', () => void (heard.times += 1));
    redis.resume();
    await until(() => heard.times > 0);
    me.heard.times = 0;
    await until(() => {
      signals.tell('me');
      return me.heard.times > 0;
    });
  });

  it('the connection is dead without a word → it is left for another one, which is signalled', async () => {
    const { redis, signals, errors } = await opened({ commandTimeoutMs: 100 });
    const me = await listening(signals, 'me');
    redis.pause();
    await until(() => errors.some((one) => one.includes('Socket timeout')));
    redis.resume();
    await until(() => me.heard.times > 0);
  });

  it('no Redis → telling and listening fail nobody, and what is wrong is told', async () => {
    const { redis, errors, signals, client } = await opened();
    await redis.kill();
    await until(() => client.status !== 'ready');
    signals.tell('me');
    const end = signals.listen('me', () => undefined);
    await until(() => errors.length > 1);
    end();
  });

  it('closed → subscribed no more, and does not come back', async () => {
    const { client, signals } = await opened();
    const me = await listening(signals, 'me');
    signals.close();
    await until(async () => (await channels(client)).length === 0);
    signals.tell('me');
    await client.ping();
    expect(me.heard.times).toBe(0);
  });
});
