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

  it('certificate for other names → says which, and what to do', () => {
    const error = Object.assign(coded('altnames', 'ERR_TLS_CERT_ALTNAME_INVALID'), {
      ...{ host: 'redis.example', cert: { subjectaltname: 'DNS:a.example, DNS:b.example' } },
    });
    expect(connectionError(error)).toMatchObject({
      found:
        'The certificate of Redis is not for redis.example, but for DNS:a.example, DNS:b.example',
      todo: expect.stringContaining('REDIS_URL'),
    });
  });

  it('certificate with a common name only → names it', () => {
    const cert = { subject: { CN: 'a.example' } };
    const error = Object.assign(coded('altnames', 'ERR_TLS_CERT_ALTNAME_INVALID'), { cert });
    expect(connectionError(error)?.message).toContain('but for a.example');
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
