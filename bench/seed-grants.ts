import { randomBytes, randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Config } from '../src/config.js';
import { createCipher } from '../src/grants/cipher.js';
import { encodeGrant } from '../src/grants/grant-codec.js';
import { type GrantKey, grantId } from '../src/grants/grant.js';
import { sealContext } from '../src/grants/vault.js';
import { REGISTRATION_IDS } from '../src/oauth/registration.js';
import { RESOURCE_OWNER_TYPES } from '../src/oauth/resource-owner.js';
import { secret } from '../src/oauth/secret.js';
import { grantKey } from '../test/support/keys.js';

const BATCH = 500;

/** Registrations and types take turns; the ids are as long as Fullscript's. */
export const keyAt = (at: number): GrantKey => ({
  registration: REGISTRATION_IDS[at % 4] ?? 'us-sandbox',
  owner: {
    id: `9b2e7c4a-0000-4000-8000-${String(at).padStart(12, '0')}`,
    type: RESOURCE_OWNER_TYPES[at % 3] ?? 'Staff',
  },
});

const token = () => secret(randomBytes(32).toString('base64url'));

/** What a refresh leaves, but for every twentieth, which needs its user. */
function grantAt(at: number) {
  const ended = at % 20 === 0;
  const obtainedAt = Date.now() - randomInt(7_200_000);
  return {
    key: keyAt(at),
    status: ended ? ('needs_reconnect' as const) : ('active' as const),
    reconnectReason: ended ? ('refresh_token_refused' as const) : undefined,
    connectedAt: obtainedAt - 86_400_000,
    superseded: [],
    tokens: {
      ...{ accessToken: token(), refreshToken: token(), obtainedAt },
      scope: ['clinic:read', 'patients:read', 'patients:write', 'catalog:read'],
      expiresAt: obtainedAt + 7_200_000,
    },
  };
}

/** Stores so many grants, sealed as a server seals them. */
export async function seedGrants(client: Redis, config: Config, howMany: number): Promise<void> {
  const cipher = createCipher(config.sealingKeys);
  for (let from = 0; from < howMany; from += BATCH) {
    const batch = client.pipeline();
    for (let at = from; at < Math.min(from + BATCH, howMany); at += 1) {
      const id = grantId(keyAt(at));
      const sealed = cipher.seal(encodeGrant(grantAt(at)), sealContext(id, 1));
      batch.hset(grantKey(id), 'v', 1, 's', sealed);
    }
    await batch.exec();
  }
}
