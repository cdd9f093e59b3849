import { Cluster, type Redis } from 'ioredis';
import type { RedisClient } from './client.js';
import { connectionError } from './connection-error.js';
import { COMMAND_TIMEOUT_MS, limitCommands } from './limit-commands.js';

export interface SubscriberDeps {
  /** What the connection is made like. */
  readonly client: RedisClient;
  /** All channels to be subscribed to, asked for with each new connection. */
  readonly channels: () => readonly string[];
  /** A message came, or may have been missed while there was no connection. */
  readonly onMessage: (channel: string) => void;
  readonly onError: (error: Error) => void;
  /** How often it is looked whether the connection is alive. */
  readonly pingMs?: number;
  /** How long a command may take before it fails. */
  readonly commandTimeoutMs?: number;
}

/** A connection that listens, and comes back by itself for ever. */
export interface Subscriber {
  /**
   * Subscribes. One channel may be added more than once.
   *
   * @param onHeld told when it holds; what comes with the next connection is told as a message.
   */
  readonly add: (channel: string, onHeld: () => void) => void;
  readonly remove: (channel: string) => void;
  readonly close: () => void;
}

const RECONNECT_MIN_MS = 20;
const RECONNECT_MAX_MS = 1_000;
/** Nothing is ever asked on this connection, so nothing else would notice that it is dead. */
const PING_MS = 5_000;

export function createSubscriber(deps: SubscriberDeps): Subscriber {
  const { channels, onMessage, onError, pingMs = PING_MS } = deps;
  const { commandTimeoutMs = COMMAND_TIMEOUT_MS } = deps;

  function fail(error: unknown): void {
    const told = connectionError(error as Error);
    if (told !== undefined) onError(told);
  }

  function subscribeToAll(connection: Redis): void {
    const wanted = channels();
    if (wanted.length === 0) return;
    connection.subscribe(...wanted).then(() => {
      for (const channel of wanted) onMessage(channel);
    }, fail);
  }

  const connected = keepConnected({
    open: (turn) => {
      const connection = connectLike(deps.client, turn)?.on('message', onMessage);
      if (connection !== undefined) limitCommands(connection, commandTimeoutMs);
      return connection;
    },
    onReady: subscribeToAll,
    onError: fail,
  });
  const pinging = setInterval(() => {
    connected.ready()?.ping().catch(ignore);
  }, pingMs);
  pinging.unref();

  return {
    add: (channel, onHeld) => {
      connected.ready()?.subscribe(channel).then(onHeld, fail);
    },
    remove: (channel) => {
      connected.ready()?.unsubscribe(channel).catch(fail);
    },
    close: () => {
      clearInterval(pinging);
      connected.close();
    },
  };
}

/**
 * Reconnecting is done here and not by ioredis, which in a cluster forgets subscriptions that the next
 * node does not take at once.
 */
function keepConnected(deps: {
  open: (turn: number) => Redis | undefined;
  onReady: (connection: Redis) => void;
  onError: (error: Error) => void;
}) {
  let current: Redis | undefined;
  let [turn, failures, closed] = [0, 0, false];
  let retry: NodeJS.Timeout | undefined;

  function openLater(): void {
    if (closed) return;
    retry = setTimeout(open, Math.min(RECONNECT_MIN_MS * 2 ** failures, RECONNECT_MAX_MS));
    failures += 1;
    retry.unref();
  }

  function open(): void {
    const connection = deps.open(turn);
    turn += 1;
    current = connection;
    if (connection === undefined) {
      openLater();
      return;
    }
    for (const event of ['error', 'sentinelError']) connection.on(event, deps.onError);
    connection.once('ready', () => {
      failures = 0;
      deps.onReady(connection);
    });
    connection.once('end', openLater);
    // Why it failed is told by "error".
    connection.connect().catch(ignore);
  }

  open();
  return {
    ready: () => (current?.status === 'ready' ? current : undefined),
    close: () => {
      closed = true;
      clearTimeout(retry);
      current?.disconnect();
    },
  };
}

/**
 * In a cluster one of the masters does: they pass messages on to each other.
 *
 * @param turn which of them; the last one may be the one that is gone.
 */
function connectLike(client: RedisClient, turn: number): Redis | undefined {
  const masters = client instanceof Cluster ? client.nodes('master') : [client];
  return masters[turn % Math.max(masters.length, 1)]?.duplicate({
    lazyConnect: true,
    retryStrategy: null,
    autoResubscribe: false,
    enableOfflineQueue: false,
  });
}

function ignore(): void {
  // Told otherwise, or noticed by the connection's end.
}
