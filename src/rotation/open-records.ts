import type { GrantRecords } from '../grants/grant-records.js';
import { createRedisGrantRecords } from '../redis/grant-records.js';
import { type OpenClient, openClient } from '../redis/open-client.js';

export interface OpenRecords extends Pick<OpenClient, 'client' | 'reasonOf' | 'close'> {
  readonly records: GrantRecords;
}

/**
 * The grants of the store that the configuration names; see `openClient`.
 *
 * @returns undefined when grants live in the memory of a server, where nobody else sees them.
 */
export async function openRecords(
  deps: Parameters<typeof openClient>[0],
): Promise<OpenRecords | undefined> {
  const opened = await openClient(deps);
  if (opened === undefined) return undefined;
  const { client, reasonOf, close } = opened;
  return { client, records: createRedisGrantRecords(client), reasonOf, close };
}
