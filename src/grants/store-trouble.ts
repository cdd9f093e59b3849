import { StoreUnavailableError } from './errors.js';
import type { Vault } from './vault.js';

/** Longer than a fail-over is felt after it, and than others need to save what they kept meanwhile. */
const RECENT_MS = 10_000;

/**
 * A vault that remembers when its store last failed. For some seconds after that the store may have gone
 * back in time, and other processes may hold newer pairs in their journals.
 *
 * @param deps.elapsed milliseconds of a clock that is never set.
 */
export function watchStore(deps: { vault: Vault; elapsed: () => number }): {
  vault: Vault;
  hadTrouble: () => boolean;
} {
  const { vault, elapsed } = deps;
  let last = -Infinity;

  async function watched<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof StoreUnavailableError) last = elapsed();
      throw error;
    }
  }

  return {
    vault: {
      read: (key) => watched(vault.read(key)),
      write: (grant, expected) => watched(vault.write(grant, expected)),
      save: (grant, expected) => watched(vault.save(grant, expected)),
      remove: (key, expected) => watched(vault.remove(key, expected)),
      lastVersion: (key) => watched(vault.lastVersion(key)),
    },
    hadTrouble: () => elapsed() - last < RECENT_MS,
  };
}
