import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { storeCall } from '../../src/redis/store-call.js';

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
});
