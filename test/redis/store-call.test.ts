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
});
