import { z } from 'zod';
import { RESOURCE_OWNER_TYPES } from '../oauth/resource-owner.js';
import type { RegistrationId } from '../oauth/registration.js';
import { type Secret, secret } from '../oauth/secret.js';
import { type Cipher, keyIdOf, parseOpened } from './cipher.js';
import { type GrantKey, type UnversionedGrant, grantId } from './grant.js';
import { decodeGrant, encodeGrant } from './grant-codec.js';
import type { Journal, JournalEntry } from './journal.js';

/** A refreshed pair that storage has not taken yet, or may lose again. */
export interface UnsavedPair {
  readonly key: GrantKey;
  /** Of the grant in storage that the pair descends from. */
  readonly version: number;
  /**
   * The refresh tokens that were redeemed one after the other since then; more than one when a pair
   * was used from the journal and refreshed before storage took it.
   */
  readonly ancestors: readonly Secret[];
  readonly renewed: UnversionedGrant;
}

/** A pair in the journal. Another one that takes its place is another entry. */
export interface KeptPair {
  readonly entry: JournalEntry;
  readonly pair: UnsavedPair;
}

/** Unsaved pairs, sealed into the journal and opened again. */
export interface UnsavedPairs {
  /** Keeps a pair in place of the one before. */
  readonly keep: (pair: UnsavedPair) => Promise<KeptPair>;
  /** @throws SealError when the entry cannot be opened. */
  readonly find: (key: GrantKey) => KeptPair | undefined;
  /** Whose pairs wait. Entries that cannot be opened are not among them; they stay and count. */
  readonly keys: () => readonly GrantKey[];
  readonly count: () => number;
  /** Forgets this very entry. */
  readonly drop: (kept: KeptPair) => Promise<void>;
}

const entryText = z.object({
  registration: z.string(),
  owner: z.object({ id: z.string(), type: z.enum(RESOURCE_OWNER_TYPES) }),
  version: z.number(),
  ancestors: z.array(z.string()),
  grant: z.string(),
});

export function createUnsavedPairs(deps: { journal: Journal; cipher: Cipher }): UnsavedPairs {
  const { journal, cipher } = deps;
  return {
    keep: async (pair) => {
      const { key, version, ancestors, renewed } = pair;
      const id = grantId(key);
      const text = JSON.stringify({
        ...{ registration: key.registration, owner: key.owner, version },
        ancestors: ancestors.map((one) => one.reveal()),
        grant: encodeGrant(renewed),
      } satisfies z.input<typeof entryText>);
      const entry = { id, sealed: cipher.seal(text, context(id)) };
      await journal.keep(entry);
      return { entry, pair };
    },
    find: (key) => {
      const entry = journal.find(grantId(key));
      return entry === undefined ? undefined : { entry, pair: open(cipher, entry) };
    },
    keys: () => journal.entries().flatMap((entry) => keyIfOpenable(cipher, entry) ?? []),
    count: () => journal.entries().length,
    drop: ({ entry }) => journal.drop(entry),
  };
}

/** Keys that entries of the journal name and we lack; their pairs wait until we have them again. */
export function keysLacked(journal: Journal, { keyIds }: Cipher): string[] {
  const named = journal.entries().map(({ sealed }) => keyIdOf(sealed));
  return [...new Set(named)].filter((id) => !keyIds.includes(id));
}

/** One entry that cannot be read (its key was removed too early, it was damaged) must not keep the others from being saved. */
function keyIfOpenable(cipher: Cipher, entry: JournalEntry): GrantKey | undefined {
  try {
    return open(cipher, entry).key;
  } catch {
    return undefined;
  }
}

function context(id: string): string {
  return `journal ${id}`;
}

function open(cipher: Cipher, { id, sealed }: JournalEntry): UnsavedPair {
  const fields = parseOpened(entryText, cipher.open(sealed, context(id)));
  const { owner, version, ancestors } = fields;
  const key: GrantKey = { registration: fields.registration as RegistrationId, owner };
  const renewed = decodeGrant(key, fields.grant);
  return { key, version, ancestors: ancestors.map(secret), renewed };
}
