import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { sessionHash, sessionKey, userSessionsKey } from '../support/keys.js';
import { type SessionStore, createRedisSessionStore } from '../../src/redis/session-store.js';
import { connectTo, sessionRules } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import {
  type Loaded,
  destroy,
  generated,
  load,
  save,
  stored,
  touch,
} from '../support/stored-sessions.js';
import { until } from '../support/until.js';

describe('sessions in Redis', () => {
  let redis: TestRedis;
  let client: RedisClient;
  let store: SessionStore;
  let clock = 0;
  const touchErrors: unknown[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    client = await connectTo(redis);
    store = newStore();
  });

  afterAll(async () => {
    await closeRedis(client);
    await redis.stop();
  });

  const newStore = () =>
    createRedisSessionStore({
      client,
      ...sessionRules,
      now: () => clock,
      onTouchError: (error) => touchErrors.push(error),
    });
  const keyOf = (one: Loaded) => sessionKey(sessionHash(one.id));

  it('saved → under the hash of its id; the id itself is nowhere', async () => {
    const one = await stored(store, { owner: 'hanna' });
    const keys = await client.keys('*');
    expect(keys).toContain(keyOf(one));
    expect(keys.join()).not.toContain(one.id);
    expect((await client.zrange(userSessionsKey('hanna'), '0', '-1')).join()).not.toContain(one.id);
    expect(await client.get(keyOf(one))).not.toContain(one.id);
  });

  it('saved → lives for ten minutes, from its first use on for ttlMs, to the millisecond', async () => {
    const one = await stored(store, { ttlMs: 3_600_000 });
    const firstLeft = await client.pttl(keyOf(one));
    expect(firstLeft).toBeGreaterThan(590_000);
    expect(firstLeft).toBeLessThanOrEqual(600_000);
    await touch(store, one);
    await until(async () => (await client.pttl(keyOf(one))) > 3_590_000);
    expect(await client.pttl(keyOf(one))).toBeLessThanOrEqual(3_600_000);
  });

  it('indexed → the index outlives the longest session', async () => {
    await stored(store, { owner: 'ida', ttlMs: 1_000_000 });
    await stored(store, { owner: 'ida', ttlMs: 1_000 });
    expect(await client.zcard(userSessionsKey('ida'))).toBe(2);
    expect(await client.pttl(userSessionsKey('ida'))).toBeGreaterThan(500_000);
  });

  it('entries that have ended → trimmed by the next write', async () => {
    await client.zadd(userSessionsKey('jana'), Date.now() - 1, 'ended');
    await stored(store, { owner: 'jana' });
    expect(await client.zrange(userSessionsKey('jana'), '0', '-1')).not.toContain('ended');
  });

  it('endAll, destroy → the index is gone too', async () => {
    await stored(store, { owner: 'kira' });
    await store.endAll('kira');
    expect(await client.exists(userSessionsKey('kira'))).toBe(0);
    const one = await stored(store, { owner: 'kira' });
    await destroy(store, one.id);
    expect(await client.exists(userSessionsKey('kira'))).toBe(0);
  });

  it('endEverybody → the indexes are gone too; nothing else is touched', async () => {
    await stored(store, { owner: 'paula' });
    await client.set('fc:1:lock:{paula}', 'holder');
    await store.endEverybody();
    expect(await client.keys('fc:1:*session*')).toEqual([]);
    expect(await client.getdel('fc:1:lock:{paula}')).toBe('holder');
  });

  it('a sign-in that is being written during endAll → found by the next endAll', async () => {
    const one = generated(store, { owner: 'lena' });
    await client.zadd(userSessionsKey('lena'), Date.now() + 60_000, sessionHash(one.id));
    expect(await store.endAll('lena')).toBe(0);
    await client.set(keyOf(one), JSON.stringify(one), 'PX', 60_000);
    expect(await store.endAll('lena')).toBe(1);
  });

  it('touched → extended at its first use, then once a minute, with its entry in the index', async () => {
    const one = await stored(store, { owner: 'mona', ttlMs: 10_000 });
    one.ttlMs = 900_000;
    await touch(store, one);
    await until(async () => (await client.pttl(keyOf(one))) > 800_000);
    expect(await client.pttl(userSessionsKey('mona'))).toBeGreaterThan(800_000);
    one.ttlMs = 10_000;
    clock += 59_999;
    await touch(store, one);
    await client.ping();
    expect(await client.pttl(keyOf(one))).toBeGreaterThan(800_000);
    clock += 1;
    await touch(store, one);
    await until(async () => (await client.pttl(keyOf(one))) <= 10_000);
  });

  it('a touch that failed → the next one is tried at once', async () => {
    const one = await stored(store, { ttlMs: 3_600_000 });
    const pexpire = jest.spyOn(client, 'pexpire').mockRejectedValueOnce(new Error('lost'));
    await touch(store, one);
    await until(() => pexpire.mock.calls.length > 0);
    await touch(store, one);
    await until(async () => (await client.pttl(keyOf(one))) > 3_500_000);
    pexpire.mockRestore();
  });

  it('touched in another process → extended at once', async () => {
    const one = await stored(store, { ttlMs: 10_000 });
    one.ttlMs = 900_000;
    await touch(newStore(), one);
    await until(async () => (await client.pttl(keyOf(one))) > 800_000);
  });

  it('touched after it was ended → no record and no entry', async () => {
    const one = await stored(store, { owner: 'nina' });
    await store.endAll('nina');
    await touch(newStore(), one);
    await client.ping();
    await client.ping();
    expect(await client.exists(keyOf(one), userSessionsKey('nina'))).toBe(0);
  });

  it.each(['garbage', '', 'null', '7', '[]', '{}', '{"cookie":null}', '{"cookie":"x"}'])(
    'record is %j → no session',
    async (text) => {
      await client.set(sessionKey(sessionHash('broken')), text);
      expect(await load(store, 'broken')).toBeUndefined();
      await destroy(store, 'broken');
    },
  );

  it('redis down → StoreUnavailableError, but a touch lets the request go on', async () => {
    const one = await stored(store, { owner: 'olga' });
    await redis.kill();
    await until(() => client.status !== 'ready');
    await expect(load(store, one.id)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(save(one)).rejects.toBeInstanceOf(StoreUnavailableError);
    await expect(destroy(store, one.id)).rejects.toBeInstanceOf(StoreUnavailableError);
    for (const failed of [
      store.endAll('olga'),
      store.endOne('olga', store.nameOf(one.id)),
      store.endIdlest('olga', { most: 1, current: store.nameOf(one.id) }),
      store.list('olga'),
      store.endEverybody(),
    ]) {
      await expect(failed).rejects.toBeInstanceOf(StoreUnavailableError);
    }
    clock += 60_000;
    await touch(store, one);
    await until(() => touchErrors.length > 0);
    expect(touchErrors[0]).toBeInstanceOf(StoreUnavailableError);
  });

  it('a first save failed → the next one creates the session', async () => {
    const one = generated(store, { note: 'kept' });
    await expect(save(one)).rejects.toBeInstanceOf(StoreUnavailableError);
    await redis.restart();
    await until(() => client.status === 'ready');
    await save(one);
    expect(await load(store, one.id)).toMatchObject({ note: 'kept' });
  });
});
