import { createSecretKey, randomBytes } from 'node:crypto';
import { type SealingKey, createCipher } from '../../src/grants/cipher.js';
import type { GrantRecords } from '../../src/grants/grant-records.js';
import { type GrantKey, type UnversionedGrant, grantId } from '../../src/grants/grant.js';
import { createVault } from '../../src/grants/vault.js';
import { secret } from '../../src/oauth/secret.js';

/** A key of this name, new each time. */
export function sealingKey(id: string): SealingKey {
  return { id, key: createSecretKey(randomBytes(32)) };
}

/** The same as `TOKEN_ENCRYPTION_KEYS` lists them. */
export function asVariable(...keys: SealingKey[]): string {
  return keys.map(({ id, key }) => `${id}:${key.export().toString('base64')}`).join();
}

export function keyOfOwner(id: string): GrantKey {
  return { registration: 'us-sandbox', owner: { id, type: 'Practitioner' } };
}

/** A grant like any other; its tokens name its owner. */
export function grantOfOwner(id: string): UnversionedGrant {
  return {
    key: keyOfOwner(id),
    status: 'active',
    reconnectReason: undefined,
    connectedAt: 1,
    superseded: [secret(`superseded-of-${id}`)],
    tokens: {
      accessToken: secret(`access-of-${id}`),
      refreshToken: secret(`refresh-of-${id}`),
      scope: ['clinic:read'],
      obtainedAt: 1_000,
      expiresAt: 7_201_000,
    },
  };
}

/** Stores grants of owners `seed-0`, `seed-1`, …; answers their ids in storage. */
export async function seedGrants(
  records: GrantRecords,
  keys: readonly [SealingKey, ...SealingKey[]],
  howMany: number,
): Promise<string[]> {
  const vault = createVault({ records, cipher: createCipher(keys) });
  const owners = Array.from({ length: howMany }, (_, at) => `seed-${at}`);
  // In batches: thousands of commands at once would wait for each other until they time out.
  for (let at = 0; at < howMany; at += 100) {
    await Promise.all(
      owners.slice(at, at + 100).map((owner) => vault.write(grantOfOwner(owner), 0)),
    );
  }
  return owners.map((owner) => grantId(keyOfOwner(owner)));
}
