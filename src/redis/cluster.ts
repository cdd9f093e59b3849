import { Cluster, type ClusterOptions, Command, type Redis } from 'ioredis';
import { limitCommands } from './limit-commands.js';
import type { StoreAddress } from './store-url.js';
import { createTouchThrottle } from './touch-throttle.js';

type NodeOptions = Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>;

export interface ClusterDeps {
  readonly address: Extract<StoreAddress, { kind: 'cluster' }>;
  /** How long a command may take that is sent to one node. */
  readonly commandTimeoutMs: number;
  /** For the connection to each node. */
  readonly redisOptions: NodeOptions;
  /** Milliseconds to wait before connecting again when no node is left. */
  readonly retryDelay: (attempt: number) => number;
}

const MAX_REDIRECTIONS = 5;
const SLOTS_REFRESH_EVERY_MS = 5_000;
const REFRESH_AT_MOST_EVERY_MS = 200;

/**
 * A client of a Redis Cluster whose commands fail in time. Left to itself ioredis repeats a command
 * that a lost node did not answer, at a node of its choice and after asking all the others for the
 * map of slots, without a limit of time; here such a command fails, and the map is asked for then.
 */
export function connectCluster(deps: ClusterDeps): Cluster {
  const { address, commandTimeoutMs, redisOptions, retryDelay } = deps;
  const cluster = new Cluster([...address.nodes], {
    // For commands to a node that is just being connected. While the cluster is lost, see below.
    enableOfflineQueue: true,
    clusterRetryStrategy: retryDelay,
    maxRedirections: MAX_REDIRECTIONS,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // Asked over copies of the connections, which nothing else limits.
    slotsRefreshTimeout: commandTimeoutMs,
    slotsRefreshInterval: SLOTS_REFRESH_EVERY_MS,
    redisOptions,
    // Managed clusters announce names that certificates are made for: don't resolve them to addresses.
    ...(address.tls && { dnsLookup: (name, done) => done(null, name) }),
  });
  watchCommands(cluster);
  cluster.on('+node', (node: Redis) => {
    limitCommands(node, commandTimeoutMs);
    // At once, and not with its first command: only so "node error" says why a node cannot be reached.
    if (!node.options.readOnly) node.connect().catch(ignore);
  });
  return cluster;
}

function ignore(): void {
  // Told by "node error".
}

function watchCommands(cluster: Cluster): void {
  const send = cluster.sendCommand.bind(cluster);
  const refresh = slotsRefresher(cluster);
  cluster.sendCommand = (command, ...rest) => {
    // The one command that ioredis needs to become ready.
    if (cluster.status !== 'ready' && command.name !== 'cluster') {
      command.reject(new Error('The cluster cannot be reached'));
      return command.promise;
    }
    command.promise.catch(refresh);
    return send(command, ...rest);
  };
}

/** Has the map of slots asked for, if that is not too soon: somebody else may be the master now. */
export function slotsRefresher(cluster: Cluster): () => void {
  const throttle = createTouchThrottle({
    everyMs: REFRESH_AT_MOST_EVERY_MS,
    limit: 1,
    now: () => performance.now(),
  });
  return () => {
    if (cluster.status === 'ready' && throttle.due('')) cluster.refreshSlotsCache();
  };
}

/** The connection to the master of `key`'s slot, as far as is known; undefined while nobody is. */
export function masterOf(cluster: Cluster, key: string): Redis | undefined {
  const slot = new Command('get', [key]).getSlot();
  // Empty for a slot that nobody has.
  const addresses: readonly string[] | undefined = cluster.slots[slot];
  const address = addresses?.[0];
  return cluster
    .nodes('master')
    .find(({ options }) => `${options.host ?? ''}:${options.port ?? ''}` === address);
}

/**
 * Resolves when one of the masters says that the cluster works; users of the others are served even
 * if this one's are not.
 *
 * @throws AggregateError when none does.
 */
export async function pingCluster(cluster: Cluster): Promise<void> {
  const masters = cluster.status === 'ready' ? cluster.nodes('master') : [];
  await Promise.any(masters.map(pingNode));
}

async function pingNode(node: Redis): Promise<void> {
  const info = await node.cluster('INFO');
  if (!/^cluster_state:ok/m.test(info)) throw new Error('The cluster is down');
}
