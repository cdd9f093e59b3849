import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { scanKeys } from './scan-keys.js';

/** The ids of all grants; see `GrantRecords.ids`. */
export async function* grantIds(client: RedisClient): AsyncIterable<readonly string[]> {
  const { grants, idOfGrant } = keysOf(client);
  const wanted = { pattern: grants, operation: 'grant listing' };
  for await (const keys of scanKeys(client, wanted)) yield keys.map(idOfGrant);
}
