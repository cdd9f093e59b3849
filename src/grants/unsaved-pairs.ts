import { z } from 'zod';
import { RESOURCE_OWNER_TYPES } from '../oauth/resource-owner.js';
import type { RegistrationId } from '../oauth/registration.js';
import { type Secret, secret } from '../oauth/secret.js';
import { type Cipher, keyIdOf } from './cipher.js';
import { SealError } from './errors.js';
import { type GrantKey, type UnversionedGrant, grantId } from './grant.js';
import { decodeGrant, encodeGrant } from './grant-codec.js';
import type { Journal, JournalEntry } from './journal.js';

/** What a refresh token was redeemed from: enough to tell whether storage still holds that grant. */
export interface Redeemed {
  readonly key: GrantKey;
  readonly version: number;
  readonly refreshToken: Secret | undefined;
}

/** A refreshed pair that storage has not taken yet. */
export interface UnsavedPair {
  readonly redeemed: Redeemed;
  readonly renewed: UnversionedGrant;
}

/** Unsaved pairs, sealed into the journal and opened again. */
export interface UnsavedPairs {
  readonly keep: (pair: UnsavedPair) => Promise<void>;
  /** @throws SealError when the entry cannot be opened. */
  readonly find: (key: GrantKey) => UnsavedPair | undefined;
  /** Whose pairs wait. Entries that cannot be opened are not among them; they stay and count. */
  readonly keys: () => readonly GrantKey[];
  readonly count: () => number;
  readonly drop: (key: GrantKey) => Promise<void>;
}

const entryText = z.object({
  registration: z.string(),
  owner: z.object({ id: z.string(), type: z.enum(RESOURCE_OWNER_TYPES) }),
  version: z.number(),
  redeemed: z.string().optional(),
  grant: z.string(),
});

export function createUnsavedPairs(deps: { journal: Journal; cipher: Cipher }): UnsavedPairs {
  const { journal, cipher } = deps;
  return {
    keep: ({ redeemed: { key, version, refreshToken }, renewed }) => {
      const id = grantId(key);
      const text = JSON.stringify({
        ...{ registration: key.registration, owner: key.owner, version },
        redeemed: refreshToken?.reveal(),
        grant: encodeGrant(renewed),
      } satisfies z.input<typeof entryText>);
      return journal.keep({ id, sealed: cipher.seal(text, context(id)) });
    },
    find: (key) => {
      const entry = journal.find(grantId(key));
      return entry === undefined ? undefined : open(cipher, entry);
    },
    keys: () => journal.entries().flatMap((entry) => keyIfOpenable(cipher, entry) ?? []),
    count: () => journal.entries().length,
    drop: async (key) => {
      const entry = journal.find(grantId(key));
      if (entry !== undefined) await journal.drop(entry);
    },
  };
}

/** Keys that entries of the journal name and we lack; their pairs wait until we have them again. */
export function keysLacked(journal: Journal, { keyIds }: Cipher): string[] {
  const named = journal.entries().map(({ sealed }) => keyIdOf(sealed));
  return [...new Set(named)].filter((id) => !keyIds.includes(id));
}

/** One entry whose key was removed too early must not keep the others from being saved. */
function keyIfOpenable(cipher: Cipher, entry: JournalEntry): GrantKey | undefined {
  try {
    return open(cipher, entry).redeemed.key;
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

function context(id: string): string {
  return `journal ${id}`;
}

function open(cipher: Cipher, { id, sealed }: JournalEntry): UnsavedPair {
  const fields = entryText.parse(JSON.parse(cipher.open(sealed, context(id))));
  const { owner, version, redeemed } = fields;
  const key: GrantKey = { registration: fields.registration as RegistrationId, owner };
  const refreshToken = redeemed === undefined ? undefined : secret(redeemed);
  return { redeemed: { key, version, refreshToken }, renewed: decodeGrant(key, fields.grant) };
}
