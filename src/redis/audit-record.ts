import { z } from 'zod';
import type { AuditEntry } from '../grants/audit-trail.js';

const text = z.string().exactOptional();
const number = z.coerce.number().exactOptional();

const storedEntry = z.object({
  event: z.string(),
  at: z.iso.datetime().transform(Date.parse),
  ...{ by: text, registration: text, ownerType: text, owner: text, requestId: text },
  ...{ newOwnerType: text, newOwner: text },
  ...{ device: text, address: text, reason: text, outcome: text, missing: text },
  ...{ sessions: number, tookMs: number, leftOut: number },
});

/** An entry as the fields of a stream: names and values by turns, times as people read them. */
export function auditFields({ event, at, ...more }: AuditEntry): string[] {
  const fields = { event, at: new Date(at).toISOString(), ...more };
  return Object.entries<string | number>(fields).flatMap(([name, value]) => [name, String(value)]);
}

/** The entry again; none for what cannot be read. */
export function auditEntryFrom(fields: readonly string[]): AuditEntry[] {
  const pairs = fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]]] : []));
  const parsed = storedEntry.safeParse(Object.fromEntries(pairs));
  return parsed.success ? [parsed.data] : [];
}
