import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Request } from 'express';
import session from 'express-session';
import type { Redis } from 'ioredis';
import type { ConnectionSignals } from '../../src/grants/connection-signals.js';
import { closeRedis } from '../../src/redis/client.js';
import { createRedisConnectionSignals } from '../../src/redis/connection-signals.js';
import { signalChannel } from '../../src/redis/keys.js';
import { type Stage, connectTo, stages, until } from '../support/contract.js';
import { startRedis } from '../support/redis-server.js';

let made = 0;
const nextOwner = () => `us-sandbox:Staff:${(made += 1)}`;

const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Listens, and waits until it has begun. */
async function listening(signals: ConnectionSignals, owner: string) {
  const heard = { times: 0 };
  const end = signals.listen(owner, () => {
    heard.times += 1;
  });
  ends.push(end);
  await until(() => heard.times > 0);
  heard.times = 0;
  return { heard, end };
}

describe.each(stages)('ConnectionSignals of %s', (_name, open) => {
  let stage: Stage;
  let here: ConnectionSignals;
  let there: ConnectionSignals;

  beforeAll(async () => {
    stage = await open();
    [here, there] = stage.signals;
  });

  afterAll(() => stage.close());

  it('told by another process → heard, well within a second', async () => {
    const owner = nextOwner();
    const { heard } = await listening(here, owner);
    const from = performance.now();
    there.tell(owner);
    await until(() => heard.times === 1);
    expect(performance.now() - from).toBeLessThan(500);
  });

  it('told by the same process → heard, but not before telling is over', async () => {
    const owner = nextOwner();
    const { heard } = await listening(here, owner);
    here.tell(owner);
    expect(heard.times).toBe(0);
    await until(() => heard.times === 1);
  });

  it('two listen, one in each process → both hear it, once', async () => {
    const owner = nextOwner();
    const both = [await listening(here, owner), await listening(there, owner)];
    here.tell(owner);
    here.tell(owner);
    await until(() => both.every(({ heard }) => heard.times >= 2));
    expect(both.map(({ heard }) => heard.times)).toEqual([2, 2]);
  });

  it('told of somebody else → not heard', async () => {
    const [owner, other] = [nextOwner(), nextOwner()];
    const { heard } = await listening(here, owner);
    const control = await listening(here, other);
    there.tell(other);
    await until(() => control.heard.times > 0);
    expect(heard.times).toBe(0);
  });

  it('listening has ended, more than once → not heard, the other listener goes on', async () => {
    const owner = nextOwner();
    const [gone, staying] = [await listening(here, owner), await listening(here, owner)];
    gone.end();
    gone.end();
    gone.heard.times = 0;
    there.tell(owner);
    await until(() => staying.heard.times > 0);
    expect(gone.heard.times).toBe(0);
  });

  it('nobody listens any more, then somebody does → heard', async () => {
    const owner = nextOwner();
    const first = await listening(here, owner);
    first.end();
    const { heard } = await listening(here, owner);
    there.tell(owner);
    await until(() => heard.times > 0);
  });

  it('an owner of any characters → heard by that owner alone', async () => {
    const { heard } = await listening(here, 'us-sandbox:Staff:%7B*%7D');
    const other = await listening(here, 'us-sandbox:Staff:%7B');
    there.tell('us-sandbox:Staff:%7B*%7D');
    await until(() => heard.times > 0);
    expect(other.heard.times).toBe(0);
  });

  describe('sessions that end', () => {
    const called = (step: (done: (error?: unknown) => void) => void) =>
      new Promise<void>((resolve, reject) => {
        step((error) => (error instanceof Error ? reject(error) : resolve()));
      });

    /** A session of `owner`, made as express-session makes them. */
    async function stored(owner: string, sid: string): Promise<void> {
      session({
        ...{ store: stage.sessions, genid: () => sid, secret: 's' },
        ...{ resave: false, saveUninitialized: false },
      });
      const req = { sessionStore: stage.sessions } as unknown as Request;
      (stage.sessions as unknown as { generate: (of: Request) => void }).generate(req);
      const made = Object.assign(req.session, { owner });
      await called((done) => made.save(done));
    }

    it.each([
      ['destroyed', (_owner: string, sid: string) => called((d) => stage.sessions.destroy(sid, d))],
      [
        'ended by name',
        (owner: string, sid: string) =>
          stage.sessions.endOne(owner, stage.sessions.nameOf(sid)).then(() => undefined),
      ],
      ['all ended', (owner: string) => stage.sessions.endAll(owner).then(() => undefined)],
      ["everybody's ended", () => stage.sessions.endEverybody().then(() => undefined)],
    ])('%s → their owner is told of', async (_how, endIt) => {
      const owner = nextOwner();
      const { heard } = await listening(there, owner);
      await stored(owner, `sid-of-${owner}`);
      expect(heard.times).toBe(0);
      await endIt(owner, `sid-of-${owner}`);
      await until(() => heard.times > 0);
    });
  });
});

describe('ConnectionSignals in Redis', () => {
  const closing: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function opened() {
    const redis = await startRedis();
    const client = (await connectTo(redis)) as Redis;
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
    ends.push(signals.listen('you', () => void (heard.times += 1)));
    redis.resume();
    await until(() => heard.times > 0);
    me.heard.times = 0;
    await until(() => {
      signals.tell('me');
      return me.heard.times > 0;
    });
  });

  it('the connection is dead without a word → it is left for another one, which is signalled', async () => {
    const { redis, signals, errors } = await opened();
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
