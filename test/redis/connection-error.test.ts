import { describe, expect, it } from '@jest/globals';
import { connectionError } from '../../src/redis/connection-error.js';

const coded = (message: string, code: string) => Object.assign(new Error(message), { code });

describe('connectionError', () => {
  it('certificate of an unknown authority → says what to do', () => {
    const error = coded(
      'unable to verify the first certificate',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    );
    expect(connectionError(error)?.message).toMatch(/not trusted.*NODE_EXTRA_CA_CERTS/);
  });

  it('anything else → as it is, without the command', () => {
    const error = Object.assign(coded('refused', 'ECONNREFUSED'), {
      command: { args: ['secret'] },
    });
    expect(connectionError(error)).toBe(error);
    expect(error).not.toHaveProperty('command');
  });

  it('all sentinels were asked → nothing, for each has been told of', () => {
    const error = new Error('All sentinels are unreachable. Retrying from scratch after 100ms.');
    expect(connectionError(error)).toBeUndefined();
  });
});
