import { describe, expect, it } from '@jest/globals';
import { createKeys, sessionHash } from '../../src/redis/keys.js';
import {
  activityKey,
  callCountsKey,
  grantKey,
  lockKey,
  pendingKey,
  rateLimitKey,
  sessionKey,
  trialKey,
  userSessionsKey,
} from '../support/keys.js';

describe('keys', () => {
  it('each kind of record → its own name under prefix and version', () => {
    expect(grantKey('us-sandbox:Practitioner:1')).toBe('fc:1:grant:{us-sandbox:Practitioner:1}');
    expect(lockKey('us-sandbox:Practitioner:1')).toBe('fc:1:lock:{us-sandbox:Practitioner:1}');
    expect(pendingKey('abc')).toBe('fc:1:pending:abc');
    expect(sessionKey('abc')).toBe('fc:1:session:abc');
    expect(rateLimitKey('start', 'abc')).toBe('fc:1:rate:start:abc');
    expect(callCountsKey(60_000)).toBe('fc:1:rate-calls:60000');
    expect(userSessionsKey('abc')).toBe('fc:1:user-sessions:{abc}');
    expect(activityKey('abc')).toBe('fc:1:activity:{abc}');
    expect(trialKey('abc', 'hash')).toBe('fc:1:trial:{abc}:hash');
  });

  it('an own prefix → ahead of everything, channels and queue included', () => {
    const keys = createKeys('clinic-b');
    const named = Object.values(keys).flatMap((one) => {
      if (typeof one === 'function')
        return (one as (...args: unknown[]) => string)('clinic-b:1:x', 'y');
      return typeof one === 'string' ? one : Object.values(one);
    });
    const strangers = named.filter((name) => /fc:/.test(name));
    expect(strangers).toEqual([]);
    expect(keys.grants).toBe('clinic-b:1:grant:{*}');
    expect(keys.revocations.prefix).toBe('clinic-b:1:queue');
    expect(keys.audit.events).toBe('clinic-b:1:audit:{clinic-b:1:audit-trail}:events');
    expect(keys.idOfGrant(keys.grant('id'))).toBe('id');
    expect(keys.hashOfSession(keys.session('abc'))).toBe('abc');
    expect(keys.ownerOfSignals(keys.signalChannel('anna'))).toBe('anna');
  });
});

describe('sessionHash', () => {
  it('a session id → its SHA-256 in base64url', () => {
    expect(sessionHash('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
  });
});
