import type { AuditEntry } from '../grants/audit-trail.js';
import type { OwnerTags } from '../http/owner-tags.js';
import { type CommandCall, UsageError, valueOf } from './command.js';
import { parseUserName } from './user-name.js';

/** Which entries of the audit trail are wanted. */
export interface AuditFilter {
  /** Milliseconds since the epoch. */
  readonly since: number | undefined;
  /** How the wanted user is named in the trail, now and under older secrets; none for everybody. */
  readonly tags: readonly string[];
  readonly matches: (entry: AuditEntry) => boolean;
}

/** @throws UsageError */
export function readAuditFilter(
  call: CommandCall,
  { ownerTags, now }: { ownerTags: Pick<OwnerTags, 'everInLogs'>; now: number },
): AuditFilter {
  const events = eventsOf(valueOf(call, 'event'));
  const user = valueOf(call, 'user');
  const key = user === undefined ? undefined : parseUserName(user);
  const tags = key === undefined ? [] : ownerTags.everInLogs(key);
  return {
    since: sinceOf(valueOf(call, 'since'), now),
    tags,
    matches: ({ event, owner = '', newOwner = '' }) =>
      (events === undefined || events.has(event)) &&
      (key === undefined || tags.includes(owner) || tags.includes(newOwner)),
  };
}

function eventsOf(typed: string | undefined): ReadonlySet<string> | undefined {
  if (typed === undefined) return undefined;
  const events = typed.split(',');
  const isName = (one: string) => /^[a-z_]+$/.test(one);
  if (!events.every(isName))
    throw new UsageError('--event is a name like signed_in, or a comma list');
  return new Set(events);
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

function sinceOf(typed: string | undefined, now: number): number | undefined {
  if (typed === undefined) return undefined;
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(typed) ?? [];
  if (count !== undefined) return now - Number(count) * UNITS[unit as keyof typeof UNITS];
  const at = DATE.test(typed) ? Date.parse(typed) : NaN;
  if (Number.isNaN(at) || at < 0) {
    throw new UsageError('--since is 30m, 12h, 7d, or a time like 2026-03-01T08:00:00Z');
  }
  return at;
}
