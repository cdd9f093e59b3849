import type { Vault } from '../grants/vault.js';
import type { Tracer } from './tracer.js';

/** The same vault, with a span for each use. */
export function tracedVault(vault: Vault, tracer: Tracer): Vault {
  if (!tracer.on) return vault;
  return {
    read: (key) => tracer.span({ name: 'grant read' }, () => vault.read(key)),
    write: (grant, expected) =>
      tracer.span({ name: 'grant save' }, () => vault.write(grant, expected)),
    save: (grant, expected) =>
      tracer.span({ name: 'grant save' }, () => vault.save(grant, expected)),
    remove: (key, expected) =>
      tracer.span({ name: 'grant remove' }, () => vault.remove(key, expected)),
    lastVersion: vault.lastVersion,
  };
}
