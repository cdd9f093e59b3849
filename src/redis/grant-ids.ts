import type { RedisClient } from './client.js';
import { GRANT_KEYS, idOfGrantKey } from './keys.js';
import { scanKeys } from './scan-keys.js';

/** The ids of all grants; see `GrantRecords.ids`. */
export async function* grantIds(client: RedisClient): AsyncIterable<readonly string[]> {
  const wanted = { pattern: GRANT_KEYS, operation: 'grant listing' };
  for await (const keys of scanKeys(client, wanted)) yield keys.map(idOfGrantKey);
}
