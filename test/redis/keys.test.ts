import { describe, expect, it } from '@jest/globals';
import {
  SESSION_KEY_PREFIX,
  activityKey,
  callCountsKey,
  grantKey,
  lockKey,
  pendingKey,
  rateLimitKey,
  sessionHash,
  sessionKey,
  trialKey,
  userSessionsKey,
} from '../../src/redis/keys.js';

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
    expect(sessionKey('abc')).toBe(`${SESSION_KEY_PREFIX}abc`);
  });
});

describe('sessionHash', () => {
  it('a session id → its SHA-256 in base64url', () => {
    expect(sessionHash('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
  });
});
