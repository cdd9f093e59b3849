import type { AuditEntry } from '../grants/audit-trail.js';
import { auditEntryFrom } from './audit-record.js';
import type { RedisClient } from './client.js';
import { keysOf } from './keys-of.js';
import { storeCall } from './store-call.js';

/** The last entry of each stream that there was, by the stream's key. */
export type AuditPosition = ReadonlyMap<string, string>;

/** Before the first entry of a stream. */
const BEGINNING = '0-0';
const PAGE = 500;

/** Where the trail ends now. */
export async function auditPosition(client: RedisClient): Promise<AuditPosition> {
  const ends = streamsOf(client).map(async (key) => {
    const [last] = await storeCall('audit read', () => client.xrevrange(key, '+', '-', 'COUNT', 1));
    return [key, last?.[0] ?? BEGINNING] as const;
  });
  return new Map(await Promise.all(ends));
}

/**
 * All streams together, the newest first.
 *
 * @param range.since what was written before it, by the clock of Redis, is left out.
 * @param range.upTo what was written after it is left out, for whoever follows from there.
 */
export async function* readAuditTrail(
  client: RedisClient,
  { since, upTo }: { since?: number | undefined; upTo?: AuditPosition },
): AsyncGenerator<AuditEntry> {
  const streams = streamsOf(client).map((key) =>
    readStream(client, key, { from: upTo?.get(key) ?? '+', to: Math.max(0, since ?? 0) }),
  );
  let heads = await advanced(streams.map((stream) => ({ stream })));
  for (;;) {
    const [newest, ...others] = heads.sort((a, b) => b.entry.at - a.entry.at);
    if (newest === undefined) return;
    yield newest.entry;
    heads = [...others, ...(await advanced([newest]))];
  }
}

/** The keys of all streams, in one slot of a cluster. */
export function streamsOf(client: RedisClient): readonly string[] {
  return Object.values(keysOf(client).audit);
}

/** One stream, a page at a time. */
async function* readStream(
  client: RedisClient,
  key: string,
  { from, to }: { from: string; to: number },
): AsyncGenerator<AuditEntry> {
  let start = from;
  for (;;) {
    const page = await storeCall('audit read', () =>
      client.xrevrange(key, start, to, 'COUNT', PAGE),
    );
    for (const [, fields] of page) yield* auditEntryFrom(fields);
    const last = page.at(-1)?.[0];
    if (last === undefined || page.length < PAGE) return;
    start = `(${last}`;
  }
}

interface Head {
  readonly stream: AsyncGenerator<AuditEntry>;
  readonly entry: AuditEntry;
}

/** The next entries of these streams, of those that have one. */
async function advanced(streams: readonly Pick<Head, 'stream'>[]): Promise<Head[]> {
  const heads = streams.map(async ({ stream }) => {
    const next = await stream.next();
    return next.done === true ? [] : [{ stream, entry: next.value }];
  });
  return (await Promise.all(heads)).flat();
}
