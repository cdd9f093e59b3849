import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { startDeadline } from '../deadline.js';
import { atMost } from '../grants/patience.js';
import { connectCluster, pingCluster } from './cluster.js';
import { connectionError } from './connection-error.js';
import { RedisConnector } from './connector.js';
import { nameKeys } from './keys-of.js';
import { COMMAND_TIMEOUT_MS, limitCommands } from './limit-commands.js';
import { PersistentSentinelConnector } from './sentinel-connector.js';
import { insistOnDatabase } from './selected-database.js';
import type { StoreAddress } from './store-url.js';

export type RedisClient = Redis | Cluster;

/** `lost` means that commands fail until `ready` comes again; `closed` is for good. */
export type ClientState = 'ready' | 'lost' | 'closed';

export interface ClientOptions {
  /** How long a command may take before it fails. */
  readonly commandTimeoutMs?: number;
  /** Told about every failed connection, also to one of several nodes: each second or so, for as long. */
  readonly onError?: (error: Error) => void;
  /** Told when the state changes, not about each attempt. */
  readonly onStateChange?: (state: ClientState) => void;
}

const CONNECT_TIMEOUT_MS = 2_000;
const RETRY_MIN_MS = 20;
const RETRY_MAX_MS = 1_000;
const CLOSE_TIMEOUT_MS = 1_000;
/** A frozen server does not take part in closing a connection, and a new one waits for it. */
const DISCONNECT_TIMEOUT_MS = 100;
const SENTINEL_TIMEOUT_MS = 1_000;

/**
 * Opens the one connection that all adapters share. Trouble is an error within `commandTimeoutMs`,
 * never a queue: a request that hangs is worse than a 503. The client reconnects by itself for ever.
 */
export function connectRedis(address: StoreAddress, options: ClientOptions = {}): RedisClient {
  const { commandTimeoutMs = COMMAND_TIMEOUT_MS } = options;
  const client = build(address, commandTimeoutMs);
  nameKeys(client, address.prefix);
  // In a cluster with all redirections, from here on, and not from the moment at which a node takes it.
  limitCommands(client, commandTimeoutMs);
  // NOTE: without a listener for "error" a lost connection ends the process.
  for (const event of ['error', 'sentinelError', 'node error']) {
    client.on(event, (error: Error) => {
      const told = connectionError(error);
      if (told !== undefined) options.onError?.(told);
    });
  }
  reportStates(client, options.onStateChange);
  return client;
}

function build(address: StoreAddress, commandTimeoutMs: number): RedisClient {
  const common = { ...commonOptions(), ...loginOptions(address) };
  // Server certificates are checked, against Node's own list of authorities.
  const tls = 'tls' in address && address.tls ? { tls: {} } : {};
  const direct = { Connector: RedisConnector };
  if (address.kind === 'cluster') {
    return connectCluster({
      ...{ address, commandTimeoutMs, retryDelay },
      redisOptions: { ...common, ...direct, ...tls },
    });
  }
  const at = { ...common, ...tls, db: address.db };
  return insistOnDatabase(
    address.kind === 'sentinel'
      ? new Redis({ ...at, ...sentinelOptions(address) })
      : new Redis({ ...at, ...direct, ...placeOptions(address) }),
  );
}

function commonOptions() {
  return {
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    // 0: commands in flight fail when the connection breaks, instead of being sent a second time.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: retryDelay,
    // After a failover the old master is read-only: connect again, which finds the new one.
    // Before Redis 7 the word stands in the middle of a script's error.
    reconnectOnError: (error: Error) => /\bREADONLY\b/.test(error.message),
  } satisfies RedisOptions;
}

function retryDelay(attempt: number): number {
  return Math.min(RETRY_MIN_MS * 2 ** Math.min(attempt - 1, 10), RETRY_MAX_MS);
}

function loginOptions({ username, password }: StoreAddress) {
  return { ...(username && { username }), ...(password && { password: password.reveal() }) };
}

function placeOptions(address: Extract<StoreAddress, { kind: 'single' | 'socket' }>) {
  if (address.kind === 'socket') return { path: address.path };
  return { host: address.host, port: address.port };
}

function sentinelOptions(address: Extract<StoreAddress, { kind: 'sentinel' }>) {
  const { username, password } = address.sentinelLogin;
  return {
    Connector: PersistentSentinelConnector,
    sentinels: [...address.sentinels],
    name: address.name,
    sentinelRetryStrategy: retryDelay,
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    // Else one that was lost tells of no failover for a minute.
    sentinelReconnectStrategy: retryDelay,
    // Told by the sentinels of a failover, instead of noticing it by errors.
    failoverDetector: true,
    ...(username && { sentinelUsername: username }),
    ...(password && { sentinelPassword: password.reveal() }),
    ...(address.tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  };
}

function reportStates(client: RedisClient, report?: (state: ClientState) => void): void {
  let last: ClientState | undefined;
  const changeTo = (state: ClientState) => () => {
    if (last === state || last === 'closed') return;
    last = state;
    report?.(state);
  };
  client.on('ready', changeTo('ready'));
  client.on('close', changeTo('lost'));
  client.on('end', changeTo('closed'));
}

/** Resolves to whether the client can be used, at the latest after `timeoutMs`. */
export async function waitUntilReady(client: RedisClient, timeoutMs: number): Promise<boolean> {
  if (client.status === 'ready') return true;
  return await new Promise((resolve) => {
    const settle = (ready: boolean) => () => {
      stop();
      client.off('ready', onReady).off('end', onEnd);
      resolve(ready);
    };
    const [onReady, onEnd] = [settle(true), settle(false)];
    const stop = startDeadline(timeoutMs, settle(false));
    client.on('ready', onReady).on('end', onEnd);
  });
}

/** Resolves when the store works. Errors are ioredis's. */
export async function ping(client: RedisClient): Promise<void> {
  await (client instanceof Cluster ? pingCluster(client) : client.ping());
}

/** Lets commands in flight finish, but not for long, and closes. Never fails, never hangs. */
export async function closeRedis(client: RedisClient): Promise<void> {
  await atMost(CLOSE_TIMEOUT_MS, client.quit().then(ignore, ignore));
  client.disconnect();
}

function ignore(): void {
  // A connection that is down already cannot say goodbye.
}
