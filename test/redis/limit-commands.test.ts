import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type RedisClient,
  closeRedis,
  connectRedis,
  waitUntilReady,
} from '../../src/redis/client.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { createSubscriber } from '../../src/redis/subscriber.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';

const LIMIT_MS = 100;
const TIMED_OUT = 'Command timed out';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function connected(): Promise<{ redis: TestRedis; client: RedisClient }> {
  const redis = await startRedis();
  ends.push(() => redis.stop());
  const client = connectRedis(parseStoreUrl(redis.url), { commandTimeoutMs: LIMIT_MS });
  ends.push(() => closeRedis(client));
  expect(await waitUntilReady(client, 5_000)).toBe(true);
  return { redis, client };
}

/** As while a large module is loaded. */
function holdUp(ms: number): void {
  const from = performance.now();
  while (performance.now() - from < ms);
}

describe('limitCommands', () => {
  it('this process was held up for longer than the limit → the answer that has come counts', async () => {
    const { client } = await connected();
    await client.set('key', 'value');
    const answers = [client.get('key'), client.eval('return 7', 0), client.ping()];
    const piped = client.multi().get('key').exec();
    // They are written at the end of the turn.
    await turn();
    holdUp(LIMIT_MS + 100);
    await expect(Promise.all(answers)).resolves.toEqual(['value', 7, 'PONG']);
    await expect(piped).resolves.toEqual([[null, 'value']]);
  });

  it('the server was silent for that long too → fails', async () => {
    const { client, redis } = await connected();
    redis.pause();
    const answer = client.get('key');
    await turn();
    holdUp(LIMIT_MS + 100);
    await expect(answer).rejects.toThrow(TIMED_OUT);
    redis.resume();
  });

  it('a silent server → each command fails when its time is over, and the next ones work', async () => {
    const { client, redis } = await connected();
    redis.pause();
    const from = performance.now();
    const outcomes = await Promise.allSettled([client.get('key'), client.eval('return 7', 0)]);
    const took = performance.now() - from;
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
    expect(took).toBeGreaterThan(LIMIT_MS - 5);
    expect(took).toBeLessThan(LIMIT_MS + 900);
    redis.resume();
    const works = () =>
      client.ping().then(
        () => true,
        () => false,
      );
    await until(works);
  });

  it('the connection that listens → its commands fail in time too', async () => {
    const { client, redis } = await connected();
    const told: string[] = [];
    let held = false;
    const subscriber = createSubscriber({
      client,
      channels: () => [],
      onMessage: () => undefined,
      onError: ({ message }) => told.push(message),
      commandTimeoutMs: LIMIT_MS,
    });
    ends.push(() => {
      subscriber.close();
      return Promise.resolve();
    });
    await until(() => {
      subscriber.add('first', () => (held = true));
      return held;
    });
    redis.pause();
    told.length = 0;
    subscriber.add('second', () => undefined);
    await until(() => told.length > 0);
    // Before the connection is given up, which is after four times that long.
    expect(told[0]).toBe(TIMED_OUT);
    redis.resume();
  });
});
