import type { Store as RateLimitStore } from 'express-rate-limit';
import type { Logger } from 'pino';
import type { Config } from './config.js';
import type { AuditTrail } from './grants/audit-trail.js';
import type { ConnectionSignals } from './grants/connection-signals.js';
import type { DisabledUsers } from './grants/disabled-users.js';
import type { GrantIndex } from './grants/grant-index.js';
import type { GrantRecords } from './grants/grant-records.js';
import type { Lock } from './grants/lock.js';
import type { RefreshFailures } from './grants/refresh-failures.js';
import type { RevocationQueue } from './grants/revocation-queue.js';
import type { UserActivity } from './grants/user-activity.js';
import type { SharedCounts } from './http/shared-counts.js';
import {
  type SessionStore,
  sessionOwner,
  sessionStart,
  sessionTtl,
  sessionVisitor,
} from './http/session.js';
import { createMemoryAuditTrail } from './memory/audit-trail.js';
import { createMemoryConnectionSignals } from './memory/connection-signals.js';
import { createMemoryDisabledUsers } from './memory/disabled-users.js';
import { createMemoryGrantIndex } from './memory/grant-index.js';
import { createMemoryGrantRecords } from './memory/grant-records.js';
import { createMemoryLock } from './memory/lock.js';
import { createMemoryPendingAuthorizations } from './memory/pending-authorizations.js';
import { createMemoryRateLimitStore } from './memory/rate-limit-store.js';
import { createMemoryRefreshFailures } from './memory/refresh-failures.js';
import { createMemoryRevocationQueue } from './memory/revocation-queue.js';
import { createMemorySessionStore } from './memory/session-store.js';
import { createMemorySharedCounts } from './memory/shared-counts.js';
import { createMemoryUserActivity } from './memory/user-activity.js';
import type { PendingAuthorizations } from './oauth/pending-authorizations.js';
import { createRedisAuditTrail } from './redis/audit-trail.js';
import {
  type RedisClient,
  closeRedis,
  connectRedis,
  ping,
  waitUntilReady,
} from './redis/client.js';
import { createRedisConnectionSignals } from './redis/connection-signals.js';
import { createRedisDisabledUsers } from './redis/disabled-users.js';
import type { DurabilityCheck } from './redis/durability-check.js';
import { startEmbeddedRedis } from './redis/embedded-server.js';
import { createRedisGrantIndex } from './redis/grant-index.js';
import { createRedisGrantRecords } from './redis/grant-records.js';
import { createInstallation } from './redis/installation.js';
import { type InstallationGuard, guardInstallation } from './redis/installation-guard.js';
import { DEFAULT_PREFIX } from './redis/keys.js';
import { createRedisLock } from './redis/lock.js';
import { createRedisPendingAuthorizations } from './redis/pending-authorizations.js';
import { createRedisRateLimitStore } from './redis/rate-limit-store.js';
import { createRedisRevocationQueue } from './redis/revocation-queue.js';
import { openSaves } from './redis/saves.js';
import { readServerClock } from './redis/server-clock.js';
import { createRedisRefreshFailures } from './redis/refresh-failures.js';
import { createRedisSessionStore } from './redis/session-store.js';
import { createRedisSharedCounts } from './redis/shared-counts.js';
import { storeCall } from './redis/store-call.js';
import type { StoreAddress } from './redis/store-url.js';
import { createRedisUserActivity } from './redis/user-activity.js';
import { type WriteTrial, createWriteTrial } from './redis/write-trial.js';
import {
  sayClocksApart,
  saySignalTrouble,
  sayQueueTrouble,
  sayUnconfirmed,
  sayWhatRedisKeeps,
  watchConnection,
} from './store-log.js';

/** One implementation of every port, and its end. */
export interface Store {
  readonly records: GrantRecords;
  readonly grantIndex: GrantIndex;
  readonly lock: Lock;
  readonly failures: RefreshFailures;
  readonly pending: PendingAuthorizations;
  readonly sessions: SessionStore;
  readonly signals: ConnectionSignals;
  readonly disabledUsers: DisabledUsers;
  readonly activity: UserActivity;
  readonly auditTrail: AuditTrail;
  readonly revocations: RevocationQueue;
  /** Exact counts for one limit. */
  readonly rateLimit: (name: string) => RateLimitStore;
  readonly sharedCounts: SharedCounts;
  /** Resolves when the store answers. */
  readonly ping: () => Promise<void>;
  /** Whether the store takes writes; tried every two seconds at most. */
  readonly tryWrite: WriteTrial;
  readonly close: () => Promise<void>;
}

interface StoreDeps {
  readonly config: Config;
  readonly log: Logger;
  readonly now: () => number;
  /** For a Redis that is away; five seconds. */
  readonly waitMs?: number | undefined;
  /** Between two writes that show whether Redis takes any; two seconds. */
  readonly writeTrialMs?: number | undefined;
  /** Told when the store turns out to be another installation's after the start; it is not used from then on. */
  readonly onForeign?: ((error: Error) => void) | undefined;
}

/** A server that starts before its Redis waits so long, then goes on and answers 503. */
const READY_WAIT_MS = 5_000;

/**
 * Opens the store that the configuration names, and says in the log which one it is.
 *
 * @throws ForeignStoreError when it is another installation's.
 */
export async function openStore(deps: StoreDeps): Promise<Store> {
  const { config, log } = deps;
  if (config.store !== 'embedded') {
    const { kind, prefix = DEFAULT_PREFIX } = config.store;
    log.info({ store: kind, prefix }, 'store: Redis at REDIS_URL');
    return openRedis(deps, config.store);
  }
  const embedded = await startEmbeddedRedis({
    dataDir: config.dataDir,
    prefix: config.storePrefix,
    log: (message) => {
      log.info(message);
    },
  });
  if (embedded === undefined) {
    log.warn(
      'store: in this process. NOTHING SURVIVES A RESTART. Install redis-server, or set REDIS_URL',
    );
    return openMemory(deps);
  }
  const { program, owned, address } = embedded;
  log.info({ program, owned, dataDir: config.dataDir }, `store: embedded ${program}`);
  const store = await openRedis(deps, address);
  const close = async () => {
    await store.close();
    await embedded.close();
  };
  return { ...store, close };
}

async function openRedis(deps: StoreDeps, address: StoreAddress): Promise<Store> {
  const { log } = deps;
  const watch = watchConnection(log);
  const client = connectRedis(address, watch);
  const saves = openSaves({
    address,
    onError: watch.onError,
    onLearned: sayWhatRedisKeeps(log),
    onUnconfirmed: sayUnconfirmed(log),
  });
  const clients = [client, saves.client] as const;
  const revocations = createRedisRevocationQueue({ client, onError: sayQueueTrouble(log) });
  const signals = createRedisConnectionSignals({ client, onError: saySignalTrouble(log) });
  const close = async () => {
    watch.closing();
    signals.close();
    await revocations.close();
    await Promise.all(clients.map(closeRedis));
  };
  await waitAWhile(clients, deps);
  await refuseUnusable(saves.check, close);
  const guard = await refuseForeign(deps, clients, close);
  sayClocksApart(log, await readServerClock(client, deps.now));
  return {
    records: createRedisGrantRecords(client, saves.runSave),
    ...redisGrants(client),
    revocations,
    ...redisUsers(deps, client, signals),
    signals,
    rateLimit: (name) => createRedisRateLimitStore(client, name),
    sharedCounts: createRedisSharedCounts(client),
    ping: () =>
      storeCall('ping', async () => {
        await Promise.all(clients.map(ping));
      }),
    tryWrite: createWriteTrial({ client, everyMs: deps.writeTrialMs }),
    close: () => {
      guard.close();
      return close();
    },
  };
}

/** Nothing more reaches a store that is found to be another's while we run: every request gets 503. */
async function refuseForeign(
  { config, log, onForeign }: StoreDeps,
  clients: readonly [RedisClient, ...RedisClient[]],
  close: () => Promise<void>,
): Promise<InstallationGuard> {
  const [client] = clients;
  const { sealingKeys } = config;
  const refuse = (error: Error) => {
    log.fatal(error.message);
    for (const one of clients) one.disconnect();
    onForeign?.(error);
  };
  try {
    const installation = createInstallation({ client, sealingKeys });
    return await guardInstallation({ client, installation, onForeign: refuse });
  } catch (error) {
    await close();
    throw error;
  }
}

async function waitAWhile(clients: readonly RedisClient[], deps: StoreDeps): Promise<void> {
  const { log, waitMs = READY_WAIT_MS } = deps;
  const ready = await Promise.all(clients.map((one) => waitUntilReady(one, waitMs)));
  if (ready.includes(false)) {
    log.error('Redis does not answer at REDIS_URL; starting anyway and trying on');
  }
}

/** What is kept around grants. */
function redisGrants(client: RedisClient) {
  return {
    grantIndex: createRedisGrantIndex(client),
    lock: createRedisLock(client),
    failures: createRedisRefreshFailures(client),
    pending: createRedisPendingAuthorizations(client),
  };
}

/** What is kept of users beside their grants. */
function redisUsers(deps: StoreDeps, client: RedisClient, { tell: onEnded }: ConnectionSignals) {
  const onTouchError = (err: unknown) => {
    deps.log.warn({ err }, 'a session could not be extended');
  };
  const rules = { ...sessionRules(deps), onEnded, onTouchError };
  return {
    sessions: createRedisSessionStore({ client, ...rules }),
    disabledUsers: createRedisDisabledUsers(client),
    activity: createRedisUserActivity(client),
    auditTrail: createRedisAuditTrail(client),
  };
}

/** @throws Error when the server is known to lack what sign-ins need; better now than with each. */
async function refuseUnusable(check: DurabilityCheck, close: () => Promise<void>): Promise<void> {
  const problems = (await check.current())?.problems ?? [];
  const fatal = problems.find(({ severity }) => severity === 'fatal');
  if (fatal === undefined) return;
  await close();
  throw new Error(fatal.text);
}

function openMemory(deps: StoreDeps): Store {
  const { now } = deps;
  const revocations = createMemoryRevocationQueue();
  const signals = createMemoryConnectionSignals();
  return {
    records: createMemoryGrantRecords({ now }),
    grantIndex: createMemoryGrantIndex({ now }),
    lock: createMemoryLock(),
    failures: createMemoryRefreshFailures({ now }),
    pending: createMemoryPendingAuthorizations({ now }),
    sessions: createMemorySessionStore({ ...sessionRules(deps), onEnded: signals.tell, now }),
    signals,
    disabledUsers: createMemoryDisabledUsers(),
    activity: createMemoryUserActivity(),
    auditTrail: createMemoryAuditTrail({ now }),
    revocations,
    rateLimit: () => createMemoryRateLimitStore({ now }),
    sharedCounts: createMemorySharedCounts({ now }),
    ping: () => Promise.resolve(),
    tryWrite: () => Promise.resolve('taken'),
    close: revocations.close,
  };
}

function sessionRules({ config, now }: StoreDeps) {
  const { idleMs, maxMs } = config.session;
  return {
    ownerOf: sessionOwner,
    signedInAt: sessionStart,
    visitor: sessionVisitor,
    ttlMs: (data: Parameters<typeof sessionTtl>[0]) =>
      sessionTtl(data, { idleMs, maxMs, now: now() }),
  };
}
