import type { GrantKey } from './grant.js';
import type { IndexUpkeep } from './index-upkeep.js';
import type { Vault } from './vault.js';

/**
 * The same vault, which has every grant indexed that is written or removed through it. Nobody waits for
 * the index, and nothing fails because of it.
 */
export function indexedVault(vault: Vault, upkeep: Pick<IndexUpkeep, 'ahead' | 'changed'>): Vault {
  /** Looked at also after a failure: the store may have done it. */
  async function change<T>(work: () => Promise<T>, key: GrantKey, entered?: Promise<void>) {
    try {
      return await work();
    } finally {
      upkeep.changed(key, entered);
    }
  }

  const save = <T>(key: GrantKey, work: () => Promise<T>) => change(work, key, upkeep.ahead(key));

  return {
    ...vault,
    write: (grant, expected) => save(grant.key, () => vault.write(grant, expected)),
    save: (grant, expected) => save(grant.key, () => vault.save(grant, expected)),
    remove: (key, expected) => change(() => vault.remove(key, expected), key),
  };
}
