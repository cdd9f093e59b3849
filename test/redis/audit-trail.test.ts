import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditEntry } from '../../src/grants/audit-trail.js';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { followAuditTrail } from '../../src/redis/audit-follower.js';
import { auditPosition, readAuditTrail } from '../../src/redis/audit-reader.js';
import { AUDIT_KEYS } from '../support/keys.js';
import { createRedisAuditTrail } from '../../src/redis/audit-trail.js';
import { type RedisClient, closeRedis, connectRedis } from '../../src/redis/client.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { AT, all, entry, times } from '../contract/audit-trail.js';
import { connectTo } from '../support/contract.js';
import { DURABLE, startRedis } from '../support/redis-server.js';
import { type Database, openDatabase } from '../support/shared-redis.js';
import { until } from '../support/until.js';

const DAY_MS = 24 * 60 * 60_000;

describe('AuditTrail in Redis', () => {
  let redis: Database;
  let client: RedisClient;
  const ends: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    redis = await openDatabase();
    client = await connectTo(redis);
  });

  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await client.flushdb();
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
    const other = await startRedis({ args: DURABLE });
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

  function follow(
    from: Awaited<ReturnType<typeof auditPosition>>,
    where: Pick<Database, 'url'> = redis,
  ) {
    const stopping = new AbortController();
    const reader = connectRedis(parseStoreUrl(where.url), { commandTimeoutMs: 10_000 });
    const [seen, errors]: [AuditEntry[], Error[]] = [[], []];
    const run = async () => {
      const onError = (error: Error) => errors.push(error);
      const { signal } = stopping;
      const deps = { client: reader, from, signal, onError, againMs: 5 };
      for await (const one of followAuditTrail(deps)) {
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
