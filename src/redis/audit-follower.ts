import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEntry } from '../grants/audit-trail.js';
import { StoreUnavailableError } from '../grants/errors.js';
import { type AuditPosition, streamsOf } from './audit-reader.js';
import { auditEntryFrom } from './audit-record.js';
import type { RedisClient } from './client.js';
import { storeCall } from './store-call.js';

/** How long Redis holds the answer back when there is nothing; a command may take longer than this. */
export const AUDIT_BLOCK_MS = 5_000;
const COUNT = 500;
const AGAIN_MS = 1_000;

/**
 * What is written to the audit trail from a position on, as it comes, until the signal says that it is enough.
 * Nothing is left out when Redis is away meanwhile.
 *
 * @param deps.client of its own: whoever else used it would wait as long as Redis does.
 * @param deps.onError told when Redis fails; it is asked again.
 */
export async function* followAuditTrail(deps: {
  client: RedisClient;
  from: AuditPosition;
  signal: AbortSignal;
  onError: (error: StoreUnavailableError) => void;
  /** How long after a failure. */
  againMs?: number;
}): AsyncGenerator<AuditEntry> {
  const { client, signal, onError, againMs = AGAIN_MS } = deps;
  const position = new Map(deps.from);
  while (!signal.aborted) {
    try {
      yield* byTime(await readOn(client, position));
    } catch (error) {
      // NOTE: whoever ends this closes the client, which is how the waiting command ends.
      if (isAborted(signal)) return;
      if (!(error instanceof StoreUnavailableError)) throw error;
      onError(error);
      await delay(againMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** It changes while something is awaited, which the compiler does not know. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function readOn(client: RedisClient, position: Map<string, string>): Promise<AuditEntry[]> {
  const keys = streamsOf(client);
  const ids = keys.map((key) => position.get(key) ?? '$');
  const found = await storeCall('audit read', () =>
    client.xread('COUNT', COUNT, 'BLOCK', AUDIT_BLOCK_MS, 'STREAMS', ...keys, ...ids),
  );
  return (found ?? []).flatMap(([key, entries]) => {
    const last = entries.at(-1)?.[0];
    if (last !== undefined) position.set(key, last);
    return entries.flatMap(([, fields]) => auditEntryFrom(fields));
  });
}

function byTime(entries: readonly AuditEntry[]): AuditEntry[] {
  return [...entries].sort((a, b) => a.at - b.at);
}
