import { type KeyObject, createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { z } from 'zod';
import { SealError } from './errors.js';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A named 256-bit key. The id travels with each sealed record and tells which key opens it. */
export interface SealingKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: KeyObject;
}

/** Seals records so that a copy of the store tells nothing and a swapped record does not open. */
export interface Cipher {
  /** The keys it has; the first one seals. */
  readonly keyIds: readonly [string, ...string[]];
  /** @param context what the record is bound to; the same text is needed to open it. */
  readonly seal: (plaintext: string, context: string) => string;
  /** @throws SealError `sealing_key_missing` or `seal_broken`. */
  readonly open: (sealed: string, context: string) => string;
}

/**
 * AES-256-GCM under named keys: the first seals, all of them open.
 * A sealed record is `keyId.base64url(nonce ‖ ciphertext ‖ tag)`.
 */
export function createCipher(keys: readonly [SealingKey, ...SealingKey[]]): Cipher {
  const byId = new Map(keys.map(({ id, key }) => [id, key]));
  const [{ id: sealingId }, ...older] = keys;

  return {
    keyIds: [sealingId, ...older.map(({ id }) => id)],
    seal: (plaintext, context) =>
      `${sealingId}.${encrypt(keyOf(byId, sealingId), plaintext, context)}`,
    open: (sealed, context) => {
      const keyId = keyIdOf(sealed);
      return decrypt(keyOf(byId, keyId), sealed.slice(keyId.length + 1), context);
    },
  };
}

/** The key that a sealed text names, without opening it; '' when it names none. */
export function keyIdOf(sealed: string): string {
  return sealed.slice(0, Math.max(sealed.indexOf('.'), 0));
}

/**
 * Reads what a sealed record held. A text of another make, which a later version may have sealed, counts
 * like one that does not open.
 *
 * @throws SealError `seal_broken`.
 */
export function parseOpened<T>(schema: z.ZodType<T>, text: string): T {
  const parsed = schema.safeParse(jsonOf(text));
  if (!parsed.success) throw new SealError('seal_broken');
  return parsed.data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function keyOf(keys: ReadonlyMap<string, KeyObject>, id: string): KeyObject {
  const key = keys.get(id);
  if (key === undefined) throw new SealError('sealing_key_missing', id);
  return key;
}

function encrypt(key: KeyObject, plaintext: string, context: string): string {
  // Random nonces are safe for 2^32 records a key (NIST SP 800-38D); keys are rotated long before.
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce);
  cipher.setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]).toString('base64url');
}

function decrypt(key: KeyObject, body: string, context: string): string {
  const bytes = Buffer.from(body, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new SealError('seal_broken');
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const ciphertext = bytes.subarray(NONCE_BYTES, -TAG_BYTES);
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8');
  } catch {
    throw new SealError('seal_broken');
  }
}
