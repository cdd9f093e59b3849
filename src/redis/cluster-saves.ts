import type { Cluster, Redis } from 'ioredis';
import { masterOf, slotsRefresher } from './cluster.js';
import { type RunSave, createConfirmedSaves } from './confirmed-saves.js';
import { type DurabilityCheck, createDurabilityCheck } from './durability-check.js';

export interface ClusterSavesDeps {
  /** A client for nothing but this; see `createConfirmedSaves`. */
  readonly cluster: Cluster;
  readonly waitMs?: number;
  /** Told why writes that count are not known to be safe. */
  readonly onUnconfirmed?: ((reason: string) => void) | undefined;
}

interface NodeSaves {
  readonly check: DurabilityCheck;
  readonly run: RunSave;
}

/**
 * Confirmed saves in a cluster. A script and the wait for it go to the master of the key's slot on one
 * connection, past the client that would redirect the one and not the other. A node that is not the
 * master any more, or is gone, therefore makes the save fail as one whose fate is unknown; its caller
 * repeats it, and meanwhile the map of slots is asked for.
 */
export function createClusterSaves(deps: ClusterSavesDeps): RunSave {
  const { cluster } = deps;
  const refresh = slotsRefresher(cluster);
  const known = new WeakMap<Redis, NodeSaves>();

  function savesAt(node: Redis): NodeSaves {
    const saves = known.get(node) ?? openNodeSaves(deps, node);
    known.set(node, saves);
    return saves;
  }

  // Connected and asked ahead of the first save.
  cluster.on('+node', (node: Redis) => {
    if (!node.options.readOnly) void savesAt(node).check.current();
  });

  return async (save) => {
    const node = masterOf(cluster, save.key);
    try {
      if (node === undefined) throw new Error('The master of this key is not connected');
      return await savesAt(node).run(save);
    } catch (error) {
      refresh();
      throw error;
    }
  };
}

function openNodeSaves({ waitMs, onUnconfirmed }: ClusterSavesDeps, node: Redis): NodeSaves {
  const check = createDurabilityCheck({ client: node });
  const limits = waitMs === undefined ? {} : { waitMs };
  return { check, run: createConfirmedSaves({ client: node, check, onUnconfirmed, ...limits }) };
}
