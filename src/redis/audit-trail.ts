import { AUDIT_KEPT, type AuditTrail } from '../grants/audit-trail.js';
import { readAuditTrail } from './audit-reader.js';
import { auditFields } from './audit-record.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

const DAY_MS = 24 * 60 * 60_000;

// One round trip, also in a cluster. ARGV: how many are kept, from which id on, the lifetime of the whole
// stream in ms (0: for good), then for each entry the number of its arguments, and these.
const RECORD = `
local at = 4
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, at + 1, at + count))
  at = at + count + 1
end
if ARGV[3] == '0' then return end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])`;

/** The audit trail in Redis: a stream for each kind. */
export function createRedisAuditTrail(client: RedisClient, now = Date.now): AuditTrail {
  const { audit } = keysOf(client);
  return {
    record: (kind, entries) =>
      storeCall('audit entry', async () => {
        const { entries: kept, days = 0 } = AUDIT_KEPT[kind];
        const lifetimeMs = days * DAY_MS;
        const bounds = [kept, now() - lifetimeMs, lifetimeMs];
        const fields = entries.map(auditFields).flatMap((one) => [one.length, ...one]);
        await client.eval(RECORD, 1, audit[kind], ...bounds, ...fields);
      }),
    newestFirst: (since) => readAuditTrail(client, { since }),
  };
}
