import { Redis } from 'ioredis';
import { type RedisClient, connectRedis } from './client.js';
import { type RunSave, createConfirmedSaves } from './confirmed-saves.js';
import type { Durability } from './durability.js';
import { type DurabilityCheck, createDurabilityCheck } from './durability-check.js';
import type { StoreAddress } from './store-url.js';

export interface SavesDeps {
  readonly address: StoreAddress;
  /** The connection of everything else. */
  readonly client: RedisClient;
  readonly onError?: (error: Error) => void;
  readonly onLearned?: (durability: Durability) => void;
  readonly onUnconfirmed?: (reason: string) => void;
}

/** How grants are saved, and what is known of where they go. */
export interface Saves {
  /** The saves' own connection; that of everything else where they have none. */
  readonly client: RedisClient;
  readonly check: DurabilityCheck;
  /** Undefined where nothing can be waited for. */
  readonly runSave: RunSave | undefined;
}

/**
 * Opens a connection for saves, which may have to wait for the server's disk without making
 * everybody else wait. A cluster's client can repeat a command at another node than the one that
 * follows it, so there the servers are only asked about their settings.
 */
export function openSaves(deps: SavesDeps): Saves {
  const { address, client, onError, onLearned, onUnconfirmed } = deps;
  const own = address.kind === 'cluster' ? client : connectRedis(address, onError && { onError });
  const check = createDurabilityCheck({ client: own, onLearned });
  if (!(own instanceof Redis)) return { client: own, check, runSave: undefined };
  return {
    client: own,
    check,
    runSave: createConfirmedSaves({ client: own, check, onUnconfirmed }),
  };
}
