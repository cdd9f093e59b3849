import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { STORE_CALLS, type StoreCall, storeCall } from '../../src/redis/store-call.js';
import { STORE_FAILURES, storeFailure } from '../../src/redis/store-failure.js';

/** As ioredis hands on what Redis answers. */
function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

describe('storeFailure', () => {
  it.each([
    ["READONLY You can't write against a read only replica.", 'read_only'],
    ['NOREPLICAS Not enough good replicas to write.', 'read_only'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'out_of_memory'],
    ['NOAUTH Authentication required.', 'no_permission'],
    ['NOPERM this user has no permissions', 'no_permission'],
    ['WRONGPASS invalid username-password pair', 'no_permission'],
    ['LOADING Redis is loading the dataset in memory', 'not_ready'],
    ['MASTERDOWN Link with MASTER is down', 'not_ready'],
    ['CLUSTERDOWN The cluster is down', 'not_ready'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'not_ready'],
    ['MISCONF Redis is configured to save RDB snapshots', 'disk'],
    ['ERR value is not an integer', 'other'],
    ['', 'other'],
  ])('Redis answers %j → %s', (message, expected) => {
    expect(storeFailure(reply(message))).toBe(expected);
  });

  it.each([
    [new Error('Command timed out'), 'timeout'],
    [new Error('connect ECONNREFUSED'), 'connection'],
    [new Error('Connection is closed.'), 'connection'],
    ['a text', 'other'],
    [undefined, 'other'],
  ])('%s → %s', (error, expected) => {
    expect(storeFailure(error)).toBe(expected);
    expect(STORE_FAILURES).toContain(expected);
  });
});

describe('the channel of store calls', () => {
  const heard: StoreCall[] = [];
  const listener = (message: unknown) => {
    heard.push(message as StoreCall);
  };
  beforeEach(() => {
    subscribe(STORE_CALLS, listener);
  });
  afterEach(() => {
    unsubscribe(STORE_CALLS, listener);
    heard.length = 0;
  });

  it('a use that went well → its name and time', async () => {
    await storeCall('a read', () => Promise.resolve(7));
    expect(heard.map(({ operation, failure }) => [operation, failure])).toEqual([
      ['a read', undefined],
    ]);
    expect(heard[0]?.tookMs).toBeGreaterThanOrEqual(0);
  });

  it('a use that failed → why, by its short name, without the message', async () => {
    const failing = () => Promise.reject(reply('OOM of a key that nobody shall see'));
    await storeCall('a write', failing).catch(() => undefined);
    expect(heard.map(({ failure }) => failure)).toEqual(['out_of_memory']);
    expect(JSON.stringify(heard)).not.toContain('nobody shall see');
  });
});
