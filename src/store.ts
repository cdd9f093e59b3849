import type { Logger } from 'pino';
import type { Config } from './config.js';
import type { GrantRecords } from './grants/grant-records.js';
import type { Lock } from './grants/lock.js';
import type { RefreshFailures } from './grants/refresh-failures.js';
import type { RevocationQueue } from './grants/revocation-queue.js';
import { type SessionStore, sessionOwner, sessionTtl } from './http/session.js';
import { createMemoryGrantRecords } from './memory/grant-records.js';
import { createMemoryLock } from './memory/lock.js';
import { createMemoryPendingAuthorizations } from './memory/pending-authorizations.js';
import { createMemoryRefreshFailures } from './memory/refresh-failures.js';
import { createMemoryRevocationQueue } from './memory/revocation-queue.js';
import { createMemorySessionStore } from './memory/session-store.js';
import type { PendingAuthorizations } from './oauth/pending-authorizations.js';
import {
  type ClientState,
  type RedisClient,
  closeRedis,
  connectRedis,
  waitUntilReady,
} from './redis/client.js';
import type { DurabilityCheck } from './redis/durability-check.js';
import type { Durability } from './redis/durability.js';
import { startEmbeddedRedis } from './redis/embedded-server.js';
import { createRedisGrantRecords } from './redis/grant-records.js';
import { createRedisLock } from './redis/lock.js';
import { createRedisPendingAuthorizations } from './redis/pending-authorizations.js';
import { createRedisRevocationQueue, loadRevocationQueue } from './redis/revocation-queue.js';
import { openSaves } from './redis/saves.js';
import { createRedisRefreshFailures } from './redis/refresh-failures.js';
import { createRedisSessionStore } from './redis/session-store.js';
import { storeCall } from './redis/store-call.js';
import type { StoreAddress } from './redis/store-url.js';
import { createTouchThrottle } from './redis/touch-throttle.js';

/** One implementation of every port, and its end. */
export interface Store {
  readonly records: GrantRecords;
  readonly lock: Lock;
  readonly failures: RefreshFailures;
  readonly pending: PendingAuthorizations;
  readonly sessions: SessionStore;
  readonly revocations: RevocationQueue;
  /** Resolves when the store answers. */
  readonly ping: () => Promise<void>;
  readonly close: () => Promise<void>;
}

interface StoreDeps {
  readonly config: Config;
  readonly log: Logger;
  readonly now: () => number;
}

/** A server that starts before its Redis waits so long, then goes on and answers 503. */
const READY_WAIT_MS = 5_000;

/** Opens the store that the configuration names, and says in the log which one it is. */
export async function openStore(deps: StoreDeps): Promise<Store> {
  const { config, log } = deps;
  if (config.store !== 'embedded') {
    log.info({ store: config.store.kind }, 'store: Redis at REDIS_URL');
    return openRedis(deps, config.store);
  }
  const embedded = await startEmbeddedRedis({
    dataDir: config.dataDir,
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
  await loadRevocationQueue();
  const watch = watchConnection(log);
  const client = connectRedis(address, watch);
  const saves = openSaves({
    address,
    client,
    onError: watch.onError,
    onLearned: sayWhatRedisKeeps(log),
    onUnconfirmed: sayUnconfirmed(log),
  });
  const clients = [...new Set([client, saves.client])];
  const revocations = createRedisRevocationQueue({ client, onError: sayQueueTrouble(log) });
  const close = async () => {
    watch.closing();
    await revocations.close();
    await Promise.all(clients.map(closeRedis));
  };
  const ready = await Promise.all(clients.map((one) => waitUntilReady(one, READY_WAIT_MS)));
  if (ready.includes(false)) {
    log.error('Redis does not answer at REDIS_URL; starting anyway and trying on');
  }
  await refuseUnusable(saves.check, close);
  return {
    records: createRedisGrantRecords(client, saves.runSave),
    lock: createRedisLock(client),
    failures: createRedisRefreshFailures(client),
    pending: createRedisPendingAuthorizations(client),
    revocations,
    sessions: redisSessions(deps, client),
    ping: () =>
      storeCall('ping', async () => {
        await Promise.all(clients.map((one) => one.ping()));
      }),
    close,
  };
}

function redisSessions(deps: StoreDeps, client: RedisClient): SessionStore {
  const onTouchError = (err: unknown) => {
    deps.log.warn({ err }, 'a session could not be extended');
  };
  return createRedisSessionStore({ client, ...sessionRules(deps), onTouchError });
}

/** @throws Error when the server is known to lack what sign-ins need; better now than with each. */
async function refuseUnusable(check: DurabilityCheck, close: () => Promise<void>): Promise<void> {
  const problems = (await check.current())?.problems ?? [];
  const fatal = problems.find(({ severity }) => severity === 'fatal');
  if (fatal === undefined) return;
  await close();
  throw new Error(fatal.text);
}

const LEVELS = { fatal: 'error', warning: 'warn', note: 'info' } as const;

/** Says with which settings Redis forgets: once, and again when a new connection finds others. */
function sayWhatRedisKeeps(log: Logger) {
  let said = '';
  return ({ problems }: Durability): void => {
    const text = problems.map((one) => one.text).join();
    if (text === said) return;
    said = text;
    for (const one of problems) log[LEVELS[one.severity]](`store: ${one.text}`);
  };
}

const UNCONFIRMED_EVERY_MS = 60_000;

function sayUnconfirmed(log: Logger) {
  const throttle = createTouchThrottle({
    everyMs: UNCONFIRMED_EVERY_MS,
    limit: 1,
    now: () => performance.now(),
  });
  return (reason: string): void => {
    if (!throttle.due('')) return;
    log.warn(
      { reason },
      'a grant is saved, but Redis did not confirm that it would survive a crash',
    );
  };
}

const TROUBLE_EVERY_MS = 60_000;

/** The worker tries on by itself, and says the same with each attempt. */
function sayQueueTrouble(log: Logger) {
  const now = () => performance.now();
  const throttle = createTouchThrottle({ everyMs: TROUBLE_EVERY_MS, limit: 10, now });
  return ({ message }: Error): void => {
    if (throttle.due(message))
      log.warn({ reason: message }, 'the queue of revocations has trouble');
  };
}

/** Says once what is wrong with the connection, not with every attempt to mend it. */
function watchConnection(log: Logger) {
  let said = '';
  let closing = false;
  return {
    onError: (err: Error) => {
      if (err.message === said) return;
      said = err.message;
      log.error({ reason: err.message }, 'Redis connection failed; trying again for ever');
    },
    onStateChange: (state: ClientState) => {
      if (closing) return;
      if (state === 'lost') log.error('Redis does not answer; requests get 503 until it does');
      if (state === 'ready') log.info('Redis connection is ready');
      if (state === 'ready') said = '';
    },
    closing: () => {
      closing = true;
    },
  };
}

function openMemory(deps: StoreDeps): Store {
  const { now } = deps;
  const revocations = createMemoryRevocationQueue();
  return {
    records: createMemoryGrantRecords({ now }),
    lock: createMemoryLock(),
    failures: createMemoryRefreshFailures({ now }),
    pending: createMemoryPendingAuthorizations({ now }),
    sessions: createMemorySessionStore({ ...sessionRules(deps), now }),
    revocations,
    ping: () => Promise.resolve(),
    close: revocations.close,
  };
}

function sessionRules({ config, now }: StoreDeps) {
  const { idleMs, maxMs } = config.session;
  return {
    ownerOf: sessionOwner,
    ttlMs: (data: Parameters<typeof sessionTtl>[0]) =>
      sessionTtl(data, { idleMs, maxMs, now: now() }),
  };
}
