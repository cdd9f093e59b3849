import type { Store as RateLimitStore } from 'express-rate-limit';
import type { SessionData } from 'express-session';
import type { AuditTrail } from '../../src/grants/audit-trail.js';
import type { ConnectionSignals } from '../../src/grants/connection-signals.js';
import type { DisabledUsers } from '../../src/grants/disabled-users.js';
import type { GrantIndex } from '../../src/grants/grant-index.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import type { Lock } from '../../src/grants/lock.js';
import type { RefreshFailures } from '../../src/grants/refresh-failures.js';
import { createMemoryAuditTrail } from '../../src/memory/audit-trail.js';
import { createMemoryConnectionSignals } from '../../src/memory/connection-signals.js';
import { createMemoryDisabledUsers } from '../../src/memory/disabled-users.js';
import { createMemoryGrantIndex } from '../../src/memory/grant-index.js';
import { createMemoryGrantRecords } from '../../src/memory/grant-records.js';
import { createMemoryLock } from '../../src/memory/lock.js';
import { createMemoryPendingAuthorizations } from '../../src/memory/pending-authorizations.js';
import { createMemoryRateLimitStore } from '../../src/memory/rate-limit-store.js';
import { createMemoryRefreshFailures } from '../../src/memory/refresh-failures.js';
import type { UserActivity } from '../../src/grants/user-activity.js';
import type { Visitor } from '../../src/grants/user-sessions.js';
import type { RevocationQueue } from '../../src/grants/revocation-queue.js';
import { createMemoryRevocationQueue } from '../../src/memory/revocation-queue.js';
import { createMemorySessionStore } from '../../src/memory/session-store.js';
import type { SharedCounts } from '../../src/http/shared-counts.js';
import { createMemorySharedCounts } from '../../src/memory/shared-counts.js';
import { createMemoryUserActivity } from '../../src/memory/user-activity.js';
import type { PendingAuthorizations } from '../../src/oauth/pending-authorizations.js';
import { createRedisAuditTrail } from '../../src/redis/audit-trail.js';
import {
  type RedisClient,
  closeRedis,
  connectRedis,
  waitUntilReady,
} from '../../src/redis/client.js';
import { createRedisConnectionSignals } from '../../src/redis/connection-signals.js';
import { createRedisDisabledUsers } from '../../src/redis/disabled-users.js';
import { createRedisGrantIndex } from '../../src/redis/grant-index.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { createRedisLock } from '../../src/redis/lock.js';
import { createRedisPendingAuthorizations } from '../../src/redis/pending-authorizations.js';
import { createRedisRefreshFailures } from '../../src/redis/refresh-failures.js';
import { createRedisRateLimitStore } from '../../src/redis/rate-limit-store.js';
import { createRedisRevocationQueue } from '../../src/redis/revocation-queue.js';
import { openSaves } from '../../src/redis/saves.js';
import { type SessionStore, createRedisSessionStore } from '../../src/redis/session-store.js';
import { createRedisSharedCounts } from '../../src/redis/shared-counts.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import type { TestRedis } from './redis-server.js';
import './prompt-queues.js';

/** One implementation of every port. */
export interface Stage {
  readonly grantRecords: GrantRecords;
  readonly grantIndex: GrantIndex;
  readonly pending: PendingAuthorizations;
  readonly sessions: SessionStore;
  /** Locks of two processes, as far as the implementation can have two. */
  readonly locks: readonly [Lock, Lock];
  readonly failures: RefreshFailures;
  /** Signals of two processes, as far as the implementation can have two. */
  readonly signals: readonly [ConnectionSignals, ConnectionSignals];
  readonly disabledUsers: DisabledUsers;
  readonly activity: UserActivity;
  readonly auditTrail: AuditTrail;
  readonly sharedCounts: SharedCounts;
  /** Exact counts for the limit of that name. */
  readonly rateLimit: (name: string) => RateLimitStore;
  /** The queue of revocations of that name, which waits so long after an error. */
  readonly openRevocations: (name: string, afterErrorMs: number) => RevocationQueue;
  readonly close: () => Promise<void>;
}

/** What the sessions of all suites mean. */
export const sessionRules = {
  ttlMs: (session: Partial<SessionData>) => (session as { ttlMs?: number }).ttlMs ?? 60_000,
  ownerOf: (session: SessionData) => (session as { owner?: string }).owner,
  signedInAt: (session: SessionData) => (session as { since?: number }).since ?? 0,
  visitor: (session: SessionData) => (session as { visitor?: Visitor }).visitor ?? {},
};

export function openMemoryStage(): Promise<Stage> {
  const lock = createMemoryLock();
  const signals = createMemoryConnectionSignals();
  return Promise.resolve({
    grantRecords: createMemoryGrantRecords(),
    grantIndex: createMemoryGrantIndex(),
    pending: createMemoryPendingAuthorizations(),
    sessions: createMemorySessionStore({ ...sessionRules, onEnded: signals.tell }),
    signals: [signals, signals],
    locks: [lock, lock],
    failures: createMemoryRefreshFailures(),
    disabledUsers: createMemoryDisabledUsers(),
    activity: createMemoryUserActivity(),
    auditTrail: createMemoryAuditTrail(),
    sharedCounts: createMemorySharedCounts(),
    rateLimit: () => createMemoryRateLimitStore(),
    openRevocations: (_name, afterErrorMs) => createMemoryRevocationQueue({ afterErrorMs }),
    close: () => Promise.resolve(),
  });
}

/** On a Redis that the suite has opened, and stops; of whatever kind. */
export async function openRedisStage(redis: Reachable): Promise<Stage> {
  const [client, second] = [await connectTo(redis), await connectTo(redis)];
  const onError = () => undefined;
  const signals = [
    createRedisConnectionSignals({ client, onError }),
    createRedisConnectionSignals({ client: second, onError }),
  ] as const;
  return {
    grantRecords: createRedisGrantRecords(client),
    grantIndex: createRedisGrantIndex(client),
    pending: createRedisPendingAuthorizations(client),
    sessions: createRedisSessionStore({ client, ...sessionRules, onEnded: signals[0].tell }),
    signals,
    locks: [createRedisLock(client), createRedisLock(second)],
    failures: createRedisRefreshFailures(client),
    disabledUsers: createRedisDisabledUsers(client),
    activity: createRedisUserActivity(client),
    auditTrail: createRedisAuditTrail(client),
    sharedCounts: createRedisSharedCounts(client),
    rateLimit: (name) => createRedisRateLimitStore(client, name),
    openRevocations: (name, afterErrorMs) =>
      createRedisRevocationQueue({ client, name, afterErrorMs, onError }),
    close: async () => {
      for (const one of signals) one.close();
      await Promise.all([closeRedis(client), closeRedis(second)]);
    },
  };
}

/** Grants as the server keeps them: saves wait where the Redis can be waited for. */
export async function openSafeStage(
  redis: Reachable,
): Promise<Pick<Stage, 'grantRecords' | 'close'>> {
  const client = await connectTo(redis);
  const saves = openSaves({ address: parseStoreUrl(redis.url) });
  if (!(await waitUntilReady(saves.client, 5_000))) throw new Error('the test Redis is not ready');
  return {
    grantRecords: createRedisGrantRecords(client, saves.runSave),
    close: async () => {
      await Promise.all([closeRedis(client), closeRedis(saves.client)]);
    },
  };
}

type Reachable = Pick<TestRedis, 'url'>;

/** A client of `redis` that is ready. */
export async function connectTo(redis: Reachable): Promise<RedisClient> {
  const client = connectRedis(parseStoreUrl(redis.url));
  if (!(await waitUntilReady(client, 5_000))) throw new Error('the test Redis is not ready');
  return client;
}
