import type { RedisClient } from './client.js';
import { AUDIT_TRAIL_KEY } from './keys.js';
import { storeCall } from './store-call.js';

/** One thing that was done to the installation; `at` is ISO 8601 in UTC. No secrets. */
export type AuditEntry = Readonly<Record<string, string>> & { readonly event: string; at: string };

/** What administrators did, oldest first. Servers write theirs into the log. */
export interface AuditTrail {
  /** @throws StoreUnavailableError */
  readonly record: (entry: AuditEntry) => Promise<void>;
}

/** Years of administration, and a bound on what a loop in somebody's script can fill. */
const KEPT = 10_000;

export function createRedisAuditTrail(client: RedisClient): AuditTrail {
  return {
    record: (entry) =>
      storeCall('audit entry', async () => {
        const fields = Object.entries(entry).flat();
        await client.xadd(AUDIT_TRAIL_KEY, 'MAXLEN', '~', KEPT, '*', ...fields);
      }),
  };
}
