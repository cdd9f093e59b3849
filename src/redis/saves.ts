import { Cluster } from 'ioredis';
import { type RedisClient, connectRedis } from './client.js';
import { createClusterSaves } from './cluster-saves.js';
import { type RunSave, createConfirmedSaves } from './confirmed-saves.js';
import type { Durability } from './durability.js';
import { type DurabilityCheck, createDurabilityCheck } from './durability-check.js';
import type { StoreAddress } from './store-url.js';

export interface SavesDeps {
  readonly address: StoreAddress;
  readonly onError?: (error: Error) => void;
  readonly onLearned?: (durability: Durability) => void;
  readonly onUnconfirmed?: (reason: string) => void;
  /** How long a command may take, and in it the confirmation of a save, unless as usual. */
  readonly limits?: { readonly commandTimeoutMs: number; readonly waitMs: number } | undefined;
}

/** How grants are saved, and what is known of where they go. */
export interface Saves {
  /** The saves' own connection, or connections to the nodes of a cluster. */
  readonly client: RedisClient;
  readonly check: DurabilityCheck;
  readonly runSave: RunSave;
}

/**
 * Opens a connection for saves, which may have to wait for the server's disk without making
 * everybody else wait.
 */
export function openSaves(deps: SavesDeps): Saves {
  const { address, onError, onLearned, onUnconfirmed, limits } = deps;
  const client = connectRedis(address, { ...limits, ...(onError && { onError }) });
  const check = createDurabilityCheck({ client, onLearned });
  const runSave =
    client instanceof Cluster
      ? createClusterSaves({ cluster: client, onUnconfirmed, ...limits })
      : createConfirmedSaves({ client, check, onUnconfirmed, ...limits });
  return { client, check, runSave };
}
