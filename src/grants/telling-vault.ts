import type { ConnectionSignals } from './connection-signals.js';
import { type GrantKey, grantId } from './grant.js';
import type { Vault } from './vault.js';

/** The same vault, which tells of every grant that was written or removed through it. */
export function tellingVault(vault: Vault, signals: Pick<ConnectionSignals, 'tell'>): Vault {
  const tell = (key: GrantKey) => {
    signals.tell(grantId(key));
  };
  return {
    ...vault,
    write: async (grant, expected) => {
      const stored = await vault.write(grant, expected);
      if (stored !== undefined) tell(grant.key);
      return stored;
    },
    save: async (grant, expected) => {
      const saved = await vault.save(grant, expected);
      if (saved !== undefined) tell(grant.key);
      return saved;
    },
    remove: async (key, expected) => {
      const removed = await vault.remove(key, expected);
      tell(key);
      return removed;
    },
  };
}
