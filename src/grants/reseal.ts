import { type Cipher, keyIdOf } from './cipher.js';
import { SealError } from './errors.js';
import type { GrantRecord, GrantRecords } from './grant-records.js';
import { patiently } from './patience.js';
import { sealContext } from './vault.js';

/**
 * What a visit left of a record: `current` is sealed with the first key, `old` with another one that
 * we have, `unopenable` with one that we lack, or it is damaged.
 */
export type SealState = 'current' | 'old' | 'unopenable';

export interface Visited {
  /** The key that the record names now. */
  readonly keyId: string;
  readonly state: SealState;
  /** Whether this visit wrote it. */
  readonly resealed: boolean;
}

/** Looks at the record of an id, or does something about it. Undefined: there is none. */
export type Visit = (id: string) => Promise<Visited | undefined>;

export interface ResealDeps {
  readonly records: GrantRecords;
  readonly cipher: Cipher;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** Each lost race means that a server wrote meanwhile; more than a few of those is for another pass. */
const ROUNDS = 4;

/**
 * Tells by the key's name alone; opens nothing.
 *
 * @throws StoreUnavailableError when storage failed for seconds.
 */
export function createInspect({ records, cipher, sleep }: ResealDeps): Visit {
  return async (id) => {
    const record = await patiently(sleep, () => records.read(id));
    return record && stateOf(cipher, record);
  };
}

/**
 * Seals a record anew with the first key. Nothing else of it changes but the version, which grows as
 * with every write: newer data is never overwritten, and what was removed stays removed. A refresh
 * that is under way finds its refresh token still stored, and writes over it.
 *
 * @throws StoreUnavailableError when storage failed for seconds. The record is whole, old or new.
 */
export function createReseal({ records, cipher, sleep }: ResealDeps): Visit {
  async function tryOnce(id: string): Promise<Visited | undefined> {
    const record = await records.read(id);
    if (record === undefined) return undefined;
    const seen = stateOf(cipher, record);
    if (seen.state !== 'old') return seen;
    const renewed = resealed(cipher, id, record);
    if (renewed === undefined) return { ...seen, state: 'unopenable' };
    const written = await records.compareAndSet(id, renewed, record.version);
    return written !== false ? { ...stateOf(cipher, renewed), resealed: true } : seen;
  }

  return async (id) => {
    let seen: Visited | undefined;
    for (let round = 0; round < ROUNDS; round += 1) {
      seen = await patiently(sleep, () => tryOnce(id));
      if (seen?.state !== 'old') break;
    }
    return seen;
  };
}

function stateOf({ keyIds }: Cipher, { sealed }: GrantRecord): Visited {
  const keyId = keyIdOf(sealed);
  if (keyId === keyIds[0]) return { keyId, state: 'current', resealed: false };
  return { keyId, state: keyIds.includes(keyId) ? 'old' : 'unopenable', resealed: false };
}

/** Undefined when the record does not open: it was altered, or its key is another one by this name. */
function resealed(cipher: Cipher, id: string, record: GrantRecord): GrantRecord | undefined {
  const version = record.version + 1;
  try {
    const text = cipher.open(record.sealed, sealContext(id, record.version));
    return { version, sealed: cipher.seal(text, sealContext(id, version)) };
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}
