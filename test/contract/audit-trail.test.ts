import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AUDIT_KEPT, type AuditEntry, type AuditTrail } from '../../src/grants/audit-trail.js';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { createMemoryAuditTrail } from '../../src/memory/audit-trail.js';
import { followAuditTrail } from '../../src/redis/audit-follower.js';
import { AUDIT_KEYS, auditPosition, readAuditTrail } from '../../src/redis/audit-reader.js';
import { createRedisAuditTrail } from '../../src/redis/audit-trail.js';
import { type RedisClient, closeRedis, connectRedis } from '../../src/redis/client.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { type Stage, connectTo, stages, until } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';

const DAY_MS = 24 * 60 * 60_000;
const AT = Date.UTC(2026, 2, 1, 8);

const entry = (at: number, more: Partial<AuditEntry> = {}): AuditEntry => ({
  ...{ event: 'signed_in', at: AT + at },
  ...more,
});

async function all(trail: AuditTrail, since?: number): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const one of trail.newestFirst(since)) entries.push(one);
  return entries;
}

const times = (entries: readonly AuditEntry[]) => entries.map(({ at }) => at - AT);

describe.each(stages)('AuditTrail of %s', (_name, open) => {
  let stage: Stage;
  let trail: AuditTrail;

  beforeAll(async () => {
    stage = await open();
    trail = stage.auditTrail;
  });

  afterAll(() => stage.close());

  it('nothing written → nothing to read; of what was, the newest first, whatever its kind', async () => {
    expect(await all(trail)).toEqual([]);
    await trail.record('events', [entry(1), entry(4)]);
    await trail.record('frequent', [entry(2), entry(5)]);
    await trail.record('administration', [entry(3)]);
    await trail.record('events', [entry(6)]);
    expect(times(await all(trail))).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it('an entry with everything, and one with nothing but its event → read as written', async () => {
    const full: AuditEntry = {
      ...{ event: 'x', at: AT + 1_000_123, by: 'root', registration: 'us-sandbox' },
      ...{ ownerType: 'Staff', owner: 'Ab3-_xyz0123', requestId: 'request-1' },
      ...{ device: 'Chrome on Windows', address: '2001:db8::1', reason: 'no_answer' },
      ...{ outcome: 'revoked', missing: 'patients:read catalog:read' },
      ...{ sessions: 0, tookMs: 12, leftOut: 3 },
    };
    await trail.record('events', [entry(1_000_000), full]);
    const [newest, before] = await all(trail);
    expect(newest).toEqual(full);
    expect(before).toEqual(entry(1_000_000));
  });

  it('since now → nothing of before, and all that comes', async () => {
    await trail.record('events', [entry(2_000_000)]);
    const last = Date.now();
    await until(() => Date.now() > last + 1);
    const since = Date.now();
    await trail.record('administration', [entry(2_000_001)]);
    expect(times(await all(trail, since))).toEqual([2_000_001]);
  });

  it('a flood of one kind → bounded, in batches, and the other kinds stay as they are', async () => {
    const flood = Array.from({ length: 100 }, (_, at) => entry(3_000_000 + at, { event: 'flood' }));
    const rounds = AUDIT_KEPT.frequent.entries / 100 + 20;
    const others = (await all(trail)).filter(({ event }) => event !== 'flood').length;
    for (let round = 0; round < rounds; round += 1) await trail.record('frequent', flood);
    const kept = await all(trail);
    const { length } = kept.filter(({ event }) => event === 'flood');
    expect(length).toBeLessThan(AUDIT_KEPT.frequent.entries + 500);
    expect(length).toBeGreaterThan(5_000);
    // Those of the flooded kind have gone.
    expect(kept.length - length).toBe(others - 2);
  }, 30_000);
});

describe('AuditTrail of memory', () => {
  it('older than 90 days → forgotten with the next entry; acts of administrators stay', async () => {
    const clock = { now: AT };
    const trail = createMemoryAuditTrail({ now: () => clock.now });
    await trail.record('events', [entry(1)]);
    await trail.record('administration', [entry(2)]);
    clock.now += 91 * DAY_MS;
    await trail.record('events', [entry(3)]);
    expect(times(await all(trail))).toEqual([3, 2]);
  });
});

describe('AuditTrail of redis', () => {
  let redis: TestRedis;
  let client: RedisClient;
  const ends: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    client = await connectTo(redis);
  });

  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await client.flushall();
  });

  afterAll(async () => {
    await closeRedis(client);
    await redis.stop();
  });

  it('older than 90 days → forgotten with the next entry; nothing comes → goes after 90 days', async () => {
    await createRedisAuditTrail(client).record('events', [entry(1), entry(2)]);
    const later = createRedisAuditTrail(client, () => Date.now() + 91 * DAY_MS);
    await later.record('administration', [entry(3)]);
    await later.record('events', [entry(4)]);
    // Both were written just now, so the new one is too old as well by that clock.
    expect(times(await all(later))).toEqual([3]);
    await createRedisAuditTrail(client).record('frequent', [entry(5)]);
    const left = await client.pttl(AUDIT_KEYS.frequent);
    expect(left).toBeGreaterThan(89 * DAY_MS);
    expect(left).toBeLessThanOrEqual(90 * DAY_MS);
    expect(await client.pttl(AUDIT_KEYS.administration)).toBe(-1);
  });

  it('what cannot be read → left out; an entry of earlier versions → read', async () => {
    const at = new Date(AT + 7).toISOString();
    const old = ['event', 'user_enabled', 'at', at, 'by', 'root', 'sessions', '2'];
    await client.xadd(AUDIT_KEYS.administration, '*', ...old);
    await client.xadd(AUDIT_KEYS.events, '*', 'at', at);
    await client.xadd(AUDIT_KEYS.events, '*', 'event', 'x', 'at', 'noon');
    expect(await all(createRedisAuditTrail(client))).toEqual([
      entry(7, { event: 'user_enabled', by: 'root', sessions: 2 }),
    ]);
  });

  it('more than a page of each kind → each entry once', async () => {
    const trail = createRedisAuditTrail(client);
    for (let at = 0; at < 1_200; at += 100) {
      const batch = Array.from({ length: 100 }, (_, one) => entry(at + one));
      await trail.record(at % 200 === 0 ? 'events' : 'frequent', batch);
    }
    const expected = Array.from({ length: 1_200 }, (_, at) => 1_199 - at);
    expect(times(await all(trail))).toEqual(expected);
  });

  it('read up to a position, then followed from it → each entry once, and nothing missing', async () => {
    const trail = createRedisAuditTrail(client);
    await trail.record('events', [entry(1)]);
    const from = await auditPosition(client);
    await trail.record('frequent', [entry(2)]);
    await trail.record('events', [entry(3)]);
    const before: AuditEntry[] = [];
    for await (const one of readAuditTrail(client, { upTo: from })) before.push(one);
    expect(times(before)).toEqual([1]);
    const { seen } = follow(from);
    await until(() => seen.length === 2);
    await trail.record('administration', [entry(4)]);
    await until(() => seen.length === 3);
    expect(times(seen)).toEqual([2, 3, 4]);
  });

  it('Redis restarts while it is followed → told, and what comes afterwards is not missed', async () => {
    const other = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const writer = await connectTo(other);
    ends.push(() => closeRedis(writer));
    const trail = createRedisAuditTrail(writer);
    const { seen, errors } = follow(await auditPosition(writer), other);
    ends.push(() => other.stop());
    await trail.record('events', [entry(1)]);
    await until(() => seen.length === 1);
    await other.restart();
    await until(() => errors.length > 0);
    await until(() => writer.status === 'ready');
    await trail.record('events', [entry(2)]);
    await until(() => seen.length === 2);
    expect(times(seen)).toEqual([1, 2]);
  });

  it('redis down, or something else under a key → StoreUnavailableError', async () => {
    await client.set(AUDIT_KEYS.events, 'no stream');
    const trail = createRedisAuditTrail(client);
    for (const refused of [trail.record('events', [entry(1)]), all(trail), auditPosition(client)]) {
      await expect(refused).rejects.toBeInstanceOf(StoreUnavailableError);
    }
  });

  function follow(from: Awaited<ReturnType<typeof auditPosition>>, where: TestRedis = redis) {
    const stopping = new AbortController();
    const reader = connectRedis(parseStoreUrl(where.url), { commandTimeoutMs: 10_000 });
    const [seen, errors]: [AuditEntry[], Error[]] = [[], []];
    const run = async () => {
      const onError = (error: Error) => errors.push(error);
      const { signal } = stopping;
      for await (const one of followAuditTrail({ client: reader, from, signal, onError })) {
        seen.push(one);
      }
    };
    const ended = until(() => reader.status === 'ready').then(run);
    const stop = async () => {
      stopping.abort();
      reader.disconnect();
      await ended;
    };
    ends.push(stop);
    return { seen, errors };
  }
});
