import { z } from 'zod';
import type { RegistrationId } from '../oauth/registration.js';
import { RESOURCE_OWNER_TYPES, type ResourceOwner } from '../oauth/resource-owner.js';
import { type Secret, secret } from '../oauth/secret.js';
import { type Cipher, parseOpened } from './cipher.js';
import type { QueuedRevocation } from './revocation-queue.js';

/** Tokens of one user that nobody shall use any more. */
export interface Revocation {
  readonly registration: RegistrationId;
  /** For reports. Undefined where the answer with the tokens named nobody, or a stranger. */
  readonly owner: ResourceOwner | undefined;
  /** When the user gave the consent that ends with it; tells it from a later one. */
  readonly connectedAt?: number | undefined;
  /** In the order in which they are revoked. */
  readonly tokens: readonly Secret[];
}

/** A revocation that has a history. */
export interface PendingRevocation extends Revocation {
  /** Milliseconds since the epoch. */
  readonly addedAt: number;
  /** How often it was tried. */
  readonly attempts: number;
}

const sealedRevocation = z.object({
  registration: z.string(),
  owner: z.object({ id: z.string(), type: z.enum(RESOURCE_OWNER_TYPES) }).optional(),
  connectedAt: z.number().optional(),
  tokens: z.array(z.string()),
  attempts: z.number(),
});

/** Seals a revocation, bound to its id and age: nobody can swap one for another or make it younger. */
export function sealRevocation(
  cipher: Cipher,
  id: string,
  pending: PendingRevocation,
): QueuedRevocation {
  const { registration, owner, connectedAt, tokens, attempts, addedAt } = pending;
  const text = JSON.stringify({
    ...{ registration, owner, connectedAt, attempts },
    tokens: tokens.map((token) => token.reveal()),
  } satisfies z.input<typeof sealedRevocation>);
  return { id, addedAt, sealed: cipher.seal(text, context(id, addedAt)) };
}

/** @throws SealError */
export function openRevocation(cipher: Cipher, entry: QueuedRevocation): PendingRevocation {
  const { id, addedAt, sealed } = entry;
  const text = cipher.open(sealed, context(id, addedAt));
  const { registration, owner, connectedAt, tokens, attempts } = parseOpened(
    sealedRevocation,
    text,
  );
  return {
    ...{ owner, connectedAt, attempts, addedAt },
    registration: registration as RegistrationId,
    tokens: tokens.map(secret),
  };
}

function context(id: string, addedAt: number): string {
  return `revocation ${id} ${addedAt}`;
}
