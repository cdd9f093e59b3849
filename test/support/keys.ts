import { createKeys } from '../../src/redis/keys.js';

export { sessionHash } from '../../src/redis/keys.js';

/** The names of an installation without a prefix of its own, as almost every test has it. */
export const {
  grant: grantKey,
  grants: GRANT_KEYS,
  grantIndex: GRANT_INDEX_KEY,
  grantIndexChecked: GRANT_INDEX_CHECKED_KEY,
  lock: lockKey,
  refreshFailure: refreshFailureKey,
  revocations: REVOCATION_QUEUE,
  pending: pendingKey,
  session: sessionKey,
  sessions: SESSION_KEYS,
  userSessions: userSessionsKey,
  disabledUsers: DISABLED_USERS_KEY,
  rateLimit: rateLimitKey,
  callCounts: callCountsKey,
  activity: activityKey,
  installation: INSTALLATION_KEY,
  audit: AUDIT_KEYS,
  signalChannel,
  trial: trialKey,
} = createKeys();

export const AUDIT_TRAIL_KEY = AUDIT_KEYS.administration;
