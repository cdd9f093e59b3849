import {
  AUDIT_KEPT,
  type AuditEntry,
  type AuditKind,
  type AuditTrail,
} from '../grants/audit-trail.js';

interface Kept {
  readonly number: number;
  readonly writtenAt: number;
  readonly entry: AuditEntry;
}

const DAY_MS = 24 * 60 * 60_000;
/** It goes with the process, and what it holds takes the memory of whoever serves. */
const KEPT_AT_MOST = 10_000;

/** What happened in this process, forgotten with it. */
export function createMemoryAuditTrail({ now = Date.now } = {}): AuditTrail {
  const streams: Record<AuditKind, Kept[]> = { administration: [], events: [], frequent: [] };
  let last = 0;

  function record(kind: AuditKind, entries: readonly AuditEntry[]): Promise<void> {
    const { entries: kept, days = Infinity } = AUDIT_KEPT[kind];
    const oldest = now() - days * DAY_MS;
    const stream = streams[kind].filter(({ writtenAt }) => writtenAt >= oldest);
    for (const entry of entries) stream.push({ number: (last += 1), writtenAt: now(), entry });
    streams[kind] = stream.slice(-Math.min(kept, KEPT_AT_MOST));
    return Promise.resolve();
  }

  async function* newestFirst(since = 0): AsyncGenerator<AuditEntry> {
    const all = Object.values(streams).flat();
    const wanted = all.filter(({ writtenAt }) => writtenAt >= since);
    const sorted = wanted.sort((a, b) => b.entry.at - a.entry.at || b.number - a.number);
    yield* await Promise.resolve(sorted.map(({ entry }) => entry));
  }

  return { record, newestFirst };
}
