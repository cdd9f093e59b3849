import type { Config } from '../config.js';
import { createCipher } from '../grants/cipher.js';
import { createGrantDetails } from '../grants/grant-details.js';
import { createReadFacts } from '../grants/grant-facts.js';
import { createIndexUpkeep } from '../grants/index-upkeep.js';
import { createListGrants } from '../grants/list-grants.js';
import { createVault } from '../grants/vault.js';
import { createRedisGrantIndex } from '../redis/grant-index.js';
import { createRedisRefreshFailures } from '../redis/refresh-failures.js';
import type { CommandStore } from './command.js';

/** For those who look at grants. */
export function lookAtGrants(
  store: Pick<CommandStore, 'client' | 'records' | 'sessions' | 'disabledUsers'>,
  { sealingKeys }: Pick<Config, 'sealingKeys'>,
) {
  const { client, records } = store;
  const cipher = createCipher(sealingKeys);
  const index = createRedisGrantIndex(client);
  const facts = createReadFacts({ records, cipher });
  const vault = createVault({ records, cipher });
  const upkeep = createIndexUpkeep({ index, vault, onTrouble: () => undefined });
  return {
    ...{ index, upkeep, facts },
    list: createListGrants({ index, facts, upkeep }),
    details: createGrantDetails({ ...store, facts, failures: createRedisRefreshFailures(client) }),
  };
}
