import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionData } from 'express-session';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { sessionKey, userSessionsKey } from '../support/keys.js';
import { type SessionRecords, createSessionRecords } from '../../src/redis/session-records.js';
import { encodeSession } from '../../src/redis/session-codec.js';
import { connectTo } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

const session = {
  cookie: { originalMaxAge: null, path: '/' },
  signIn: { key: { registration: 'us-sandbox', owner: { id: '1', type: 'Staff' } }, at: 1 },
} as unknown as SessionData;

let redis: TestRedis;
let client: RedisClient;
let records: SessionRecords;

beforeAll(async () => {
  redis = await startRedis();
  client = await connectTo(redis);
  records = createSessionRecords(client);
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
});

describe('createSessionRecords', () => {
  it('created twice → the second time is refused', async () => {
    expect(await records.create('a', encodeSession(session), 60_000)).toBe(true);
    expect(await records.create('a', encodeSession(session), 60_000)).toBe(false);
    expect(await records.read('a')).toEqual(session);
  });

  it('updated or extended without being there → still not there', async () => {
    await records.update('b', encodeSession(session), 60_000);
    await records.extend('b', 60_000);
    expect(await records.read('b')).toBeUndefined();
  });

  it('removed → handed out and gone', async () => {
    await records.create('c', encodeSession(session), 60_000);
    expect(await records.remove('c')).toEqual(session);
    expect(await records.remove('c')).toBeUndefined();
  });

  it('extended by nothing → ended', async () => {
    await records.create('d', encodeSession(session), 60_000);
    await records.extend('d', 0);
    expect(await client.exists(sessionKey('d'))).toBe(0);
  });

  it.each(['read', 'remove'] as const)('a value of another type, %s → no session', async (how) => {
    await client.hset(sessionKey('i'), 'a', '1');
    expect(await records[how]('i')).toBeUndefined();
    expect(await client.exists(sessionKey('i'))).toBe(how === 'read' ? 1 : 0);
  });

  it('entered where a value of another type lies → entered in its place', async () => {
    await client.set(userSessionsKey('nina'), 'x');
    await records.enter('nina', 'j', 60_000);
    expect(await records.entries('nina')).toEqual(['j']);
  });

  it('entered again with less time → the entry keeps its longer life', async () => {
    await records.enter('olga', 'e', 900_000);
    const before = await client.zscore(userSessionsKey('olga'), 'e');
    await records.enter('olga', 'e', 1_000);
    expect(await client.zscore(userSessionsKey('olga'), 'e')).toBe(before);
  });

  it('entry extended without being there → no entry', async () => {
    await records.extendEntry('nobody', 'f', 60_000);
    expect(await records.entries('nobody')).toEqual([]);
  });

  it('struck out, nothing struck out → gone, unchanged', async () => {
    await records.enter('petra', 'g', 60_000);
    await records.enter('petra', 'h', 60_000);
    await records.strike('petra', []);
    await records.strike('petra', ['g']);
    expect(await records.entries('petra')).toEqual(['h']);
  });
});
