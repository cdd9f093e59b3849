import type { Cipher } from './cipher.js';
import { SealError } from './errors.js';
import { type Grant, type GrantKey, type UnversionedGrant, grantId } from './grant.js';
import { decodeGrant, encodeGrant } from './grant-codec.js';
import type { GrantRecords } from './grant-records.js';

export interface Saved {
  readonly grant: Grant;
  readonly confirmed: boolean;
}

/** Grants, opened. The only place where tokens are turned into storage and back. */
export interface Vault {
  /**
   * @throws StoreUnavailableError when storage does not answer.
   * @throws SealError when the record cannot be opened.
   */
  readonly read: (key: GrantKey) => Promise<Grant | undefined>;
  /**
   * Writes `grant` with the next version if `expected` is still the stored one.
   *
   * @returns the grant as stored, or undefined when somebody else wrote meanwhile.
   */
  readonly write: (grant: UnversionedGrant, expected: number) => Promise<Grant | undefined>;
  /** The same, and whether it is known to survive a crash of the store. */
  readonly save: (grant: UnversionedGrant, expected: number) => Promise<Saved | undefined>;
  /** See `GrantRecords.remove`. */
  readonly remove: (key: GrantKey, expected?: number) => Promise<boolean>;
  /** The version a new grant for this key follows on; see `GrantRecords.lastVersion`. */
  readonly lastVersion: (key: GrantKey) => Promise<number>;
}

export function createVault(deps: { records: GrantRecords; cipher: Cipher }): Vault {
  const { records, cipher } = deps;
  const save: Vault['save'] = async (grant, expected) => {
    const id = grantId(grant.key);
    const version = expected + 1;
    const sealed = cipher.seal(encodeGrant(grant), sealContext(id, version));
    const outcome = await records.compareAndSet(id, { version, sealed }, expected);
    if (outcome === false) return undefined;
    return { grant: { ...grant, version }, confirmed: outcome === 'confirmed' };
  };

  return {
    save,
    write: async (grant, expected) => (await save(grant, expected))?.grant,

    read: async (key) => {
      const id = grantId(key);
      const record = await records.read(id);
      if (record === undefined) return undefined;
      const { version, sealed } = record;
      return { ...decodeGrant(key, cipher.open(sealed, sealContext(id, version))), version };
    },

    remove: (key, expected) => records.remove(grantId(key), expected),
    lastVersion: (key) => records.lastVersion(grantId(key)),
  };
}

/**
 * The grant, or undefined where there is none or its record does not open: a record that nobody can
 * open any more must not be one that nobody can replace or get rid of.
 */
export async function readIfOpenable(
  vault: Pick<Vault, 'read'>,
  key: GrantKey,
): Promise<Grant | undefined> {
  try {
    return await vault.read(key);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/** Bound to key and version: neither another user's record nor an older one of the same user opens. */
export function sealContext(id: string, version: number): string {
  return `grant ${id} ${version}`;
}
