import type { AuditEntry, AuditTrail } from '../grants/audit-trail.js';
import { createBoundedMap } from '../grants/bounded-map.js';
import type { Audit } from './audit.js';
import { type Quota, type ServerAuditKind, auditEntryOf, quotaOf } from './audit-entry.js';
import type { OwnerTag } from './owner-tags.js';

/** Keeps what is audited in the installation's trail. */
export interface AuditRecorder {
  /** Returns at once and never fails: nobody waits for this, and the log has the same. */
  readonly note: Audit;
  /** Resolves when nothing is waiting to be written any more; for shutdown. */
  readonly settled: () => Promise<void>;
}

/** More than that means that the store is in trouble or cannot keep up. */
const WAITING_AT_MOST = 1_000;
const BATCH = 100;
const REMEMBERED = 10_000;

export interface AuditRecorderDeps {
  readonly trail: Pick<AuditTrail, 'record'>;
  readonly ownerTag: OwnerTag;
  readonly now: () => number;
  /** Told how many entries are missing, and why. */
  readonly onLost: (entries: number, error: unknown) => void;
}

export function createAuditRecorder(deps: AuditRecorderDeps): AuditRecorder {
  const counted = createQuotas(deps.now);
  const { add, settled } = createWrites(deps);
  return {
    settled,
    note: (event, details) => {
      const quota = quotaOf(event, details);
      const entry = counted(auditEntryOf(event, details, deps), quota);
      if (entry !== undefined) add(quota.kind, entry);
    },
  };
}

/** One batch at a time and process; what comes meanwhile goes with the next one. */
function createWrites({ trail, onLost }: Pick<AuditRecorderDeps, 'trail' | 'onLost'>) {
  const waiting: Record<ServerAuditKind, AuditEntry[]> = { events: [], frequent: [] };
  let writing: Promise<void> | undefined;

  async function writeBatch(kind: ServerAuditKind): Promise<void> {
    const batch = waiting[kind].splice(0, BATCH);
    if (batch.length === 0) return;
    try {
      await trail.record(kind, batch);
    } catch (error) {
      onLost(batch.length, error);
    }
  }

  async function writeAll(): Promise<void> {
    // Behind whatever is being done in this turn, which often has more to say.
    await Promise.resolve();
    while (waiting.events.length + waiting.frequent.length > 0) {
      // By turns: a flood of one kind must not keep the other waiting.
      await writeBatch('events');
      await writeBatch('frequent');
    }
    writing = undefined;
  }

  return {
    add: (kind: ServerAuditKind, entry: AuditEntry): void => {
      if (waiting[kind].length < WAITING_AT_MOST) waiting[kind].push(entry);
      else onLost(1, new Error('too many entries wait to be written'));
      writing ??= writeAll();
    },
    settled: async () => {
      await writing;
    },
  };
}

interface Window {
  readonly from: number;
  readonly written: number;
  readonly leftOut: number;
}

/** Lets a number of entries alike through, and has the first one after that say how many it did not. */
function createQuotas(now: () => number) {
  const windows = createBoundedMap<Window>(REMEMBERED);
  return (entry: AuditEntry, { entries, perMs }: Quota): AuditEntry | undefined => {
    const alike = likeness(entry);
    const known = windows.get(alike);
    const isOver = known === undefined || now() - known.from >= perMs;
    const current = isOver ? { from: now(), written: 0, leftOut: 0 } : known;
    if (current.written >= entries) {
      windows.set(alike, { ...current, leftOut: current.leftOut + 1 });
      return undefined;
    }
    windows.set(alike, { ...current, written: current.written + 1 });
    const leftOut = isOver ? (known?.leftOut ?? 0) : 0;
    return leftOut === 0 ? entry : { ...entry, leftOut };
  };
}

/** Nobody is known by his address, so that a loop of strangers is told from one stranger. */
function likeness({ event, reason, outcome, ...who }: AuditEntry): string {
  const whose = who.owner ?? who.address ?? '';
  return [event, reason, outcome, who.registration, who.ownerType, whose].join(' ');
}
