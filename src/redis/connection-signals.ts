import type { ConnectionSignals } from '../grants/connection-signals.js';
import { createSignalListeners } from '../grants/signal-listeners.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { withoutCommand } from './store-call.js';
import { type Subscriber, createSubscriber } from './subscriber.js';

export interface RedisConnectionSignalsDeps {
  /** Publishes; listening has a connection of its own, made like this one. */
  readonly client: RedisClient;
  /** Told about everything that goes wrong, as often as it does. */
  readonly onError: (error: Error) => void;
  /** How often it is looked whether that connection is alive, unless as usual. */
  readonly pingMs?: number;
}

/** Signals of all processes that share a Redis, and their end. */
export interface RedisConnectionSignals extends ConnectionSignals {
  readonly close: () => void;
}

/** Tells what other processes listen for; for one that does not listen itself. */
export function createRedisTeller(deps: RedisConnectionSignalsDeps): ConnectionSignals['tell'] {
  const { client, onError } = deps;
  const { signalChannel } = keysOf(client);
  return (owner) => {
    client.publish(signalChannel(owner), '').catch((error: unknown) => {
      onError(withoutCommand(error as Error));
    });
  };
}

/** Signals by PUBLISH and SUBSCRIBE, one channel for each owner. */
export function createRedisConnectionSignals(
  deps: RedisConnectionSignalsDeps,
): RedisConnectionSignals {
  const { signalChannel, ownerOfSignals } = keysOf(deps.client);
  let subscriber: Subscriber | undefined;
  const listeners = createSignalListeners((owner) => subscriber?.remove(signalChannel(owner)));
  // Opened with the first listener: commands and tests without one need no connection for it.
  const open = () =>
    createSubscriber({
      ...deps,
      channels: () => listeners.owners().map(signalChannel),
      onMessage: (channel) => {
        listeners.signal(ownerOfSignals(channel));
      },
    });

  return {
    tell: createRedisTeller(deps),
    listen: (owner, onSignal) => {
      const { signal, end } = listeners.add(owner, onSignal);
      subscriber ??= open();
      subscriber.add(signalChannel(owner), signal);
      return end;
    },
    close: () => {
      subscriber?.close();
    },
  };
}
