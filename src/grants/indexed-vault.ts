import type { IndexUpkeep } from './index-upkeep.js';
import type { Saved, Vault } from './vault.js';

/**
 * The same vault, which has every grant indexed that is written or removed through it. Nobody waits for
 * the index, and nothing fails because of it.
 */
export function indexedVault(vault: Vault, upkeep: Pick<IndexUpkeep, 'ahead' | 'changed'>): Vault {
  const save: Vault['save'] = async (grant, expected) => {
    const entered = upkeep.ahead(grant.key);
    let saved: Saved | undefined;
    try {
      saved = await vault.save(grant, expected);
      return saved;
    } finally {
      // Looked at also after a failure: the store may have done it.
      upkeep.changed(grant.key, { entered, saved: saved?.grant });
    }
  };

  return {
    ...vault,
    save,
    write: async (grant, expected) => (await save(grant, expected))?.grant,
    remove: (key, expected) => vault.remove(key, expected).finally(() => upkeep.changed(key)),
  };
}
