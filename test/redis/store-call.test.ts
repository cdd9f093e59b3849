import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { STORE_CALLS, type StoreCall, storeCall } from '../../src/redis/store-call.js';
import { storeFailure } from '../../src/redis/store-failure.js';

describe('storeCall', () => {
  it('answered → the answer', async () => {
    expect(await storeCall('a read', () => Promise.resolve(7))).toBe(7);
  });

  it('failed → StoreUnavailableError that names the operation and keeps the cause', async () => {
    const cause = new Error('Command timed out');
    const error: unknown = await storeCall('a read', () => Promise.reject(cause)).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ message: 'the store failed during a read', cause });
  });

  it('failed with the command attached, as by ioredis → what was to be stored is not in the error', async () => {
    const cause = Object.assign(new Error('OOM'), {
      command: { name: 'set', args: ['k', 'sealed'] },
    });
    const error: unknown = await storeCall('a write', () => Promise.reject(cause)).catch(
      (caught: unknown) => caught,
    );
    expect(inspect(error, { depth: 9 })).toContain('OOM');
    expect(inspect(error, { depth: 9 })).not.toContain('sealed');
  });

  it('somebody listens → each use is told, with how long it took and why it failed', async () => {
    const told: StoreCall[] = [];
    const listener = (message: unknown) => void told.push(message as StoreCall);
    subscribe(STORE_CALLS, listener);
    try {
      await storeCall('a read', () => Promise.resolve(7));
      await storeCall('a write', () => Promise.reject(new Error('Command timed out'))).catch(
        ignore,
      );
    } finally {
      unsubscribe(STORE_CALLS, listener);
    }
    await storeCall('a third', () => Promise.resolve(7));
    expect(told.map(({ operation, failure }) => [operation, failure])).toEqual([
      ['a read', undefined],
      ['a write', 'timeout'],
    ]);
    for (const { tookMs } of told) expect(tookMs).toBeGreaterThanOrEqual(0);
  });
});

const ignore = () => undefined;

describe('storeFailure', () => {
  const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' });

  it.each<[string, unknown, ReturnType<typeof storeFailure>]>([
    ['no answer in time', new Error('Command timed out'), 'timeout'],
    ['a connection that broke', new Error('Connection is closed.'), 'connection'],
    ['a replica', reply("READONLY You can't write against a read only replica."), 'read_only'],
    [
      'a full memory',
      reply("OOM command not allowed when used memory > 'maxmemory'."),
      'out_of_memory',
    ],
    ['a login without permission', reply('NOPERM this user has no permissions'), 'no_permission'],
    ['a server that loads', reply('LOADING Redis is loading the dataset in memory'), 'not_ready'],
    ['a cluster that is not whole', reply('CLUSTERDOWN The cluster is down'), 'not_ready'],
    ['a disk that is full', reply('MISCONF Redis is configured to save RDB snapshots'), 'disk'],
    ['another answer', reply('WRONGTYPE Operation against a key'), 'other'],
    ['something that is no error', 'no', 'other'],
  ])('%s → its name', (_what, error, name) => {
    expect(storeFailure(error)).toBe(name);
  });
});
