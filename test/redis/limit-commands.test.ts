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
import { holdUp } from '../support/hold-up.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';

const LIMIT_MS = 100;
const TIMED_OUT = 'Command timed out';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function connected() {
  const redis: TestRedis = await startRedis();
  ends.push(() => redis.stop());
  const errors: string[] = [];
  const onError = ({ message }: Error) => errors.push(message);
  const client: RedisClient = connectRedis(parseStoreUrl(redis.url), {
    ...{ commandTimeoutMs: LIMIT_MS, onError },
  });
  ends.push(() => closeRedis(client));
  expect(await waitUntilReady(client, 5_000)).toBe(true);
  return { redis, client, errors };
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

  it('held up for so long that the connection would count as silent → it is kept', async () => {
    const { client, errors } = await connected();
    await client.set('key', 'value');
    const answer = client.get('key');
    await turn();
    holdUp(10 * LIMIT_MS);
    await expect(answer).resolves.toBe('value');
    await expect(client.ping()).resolves.toBe('PONG');
    expect(errors).toEqual([]);
  });

  it('held up between the call and its way out → the server has its whole time', async () => {
    const { client } = await connected();
    const answer = client.ping();
    holdUp(LIMIT_MS + 100);
    await expect(answer).resolves.toBe('PONG');
  });

  it('a server that says nothing any more → its connection is left', async () => {
    const { client, redis, errors } = await connected();
    redis.pause();
    await expect(client.ping()).rejects.toThrow(TIMED_OUT);
    await until(() => errors.some((one) => one.startsWith('Socket timeout')));
    redis.resume();
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
