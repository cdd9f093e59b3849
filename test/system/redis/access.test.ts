import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Options } from 'express-rate-limit';
import type { SessionData } from 'express-session';
import { StoreUnavailableError } from '../../../src/grants/errors.js';
import { followAuditTrail } from '../../../src/redis/audit-follower.js';
import { auditPosition } from '../../../src/redis/audit-reader.js';
import { createRedisAuditTrail } from '../../../src/redis/audit-trail.js';
import { type RedisClient, closeRedis, connectRedis, ping } from '../../../src/redis/client.js';
import { createRedisConnectionSignals } from '../../../src/redis/connection-signals.js';
import { createRedisDisabledUsers } from '../../../src/redis/disabled-users.js';
import { createRedisGrantIndex } from '../../../src/redis/grant-index.js';
import { createRedisGrantRecords } from '../../../src/redis/grant-records.js';
import { createRedisLock } from '../../../src/redis/lock.js';
import { createRedisPendingAuthorizations } from '../../../src/redis/pending-authorizations.js';
import { createRedisRateLimitStore } from '../../../src/redis/rate-limit-store.js';
import { createRedisRefreshFailures } from '../../../src/redis/refresh-failures.js';
import { createRedisRevocationQueue } from '../../../src/redis/revocation-queue.js';
import { createSessionRecords } from '../../../src/redis/session-records.js';
import { encodeSession } from '../../../src/redis/session-codec.js';
import { createRedisSharedCounts } from '../../../src/redis/shared-counts.js';
import { parseStoreUrl } from '../../../src/redis/store-url.js';
import { createRedisUserActivity } from '../../../src/redis/user-activity.js';
import { createRedisUserSessions } from '../../../src/redis/user-sessions.js';
import { sessionRules, until } from '../../support/contract.js';
import { openGrants } from '../../support/grant-uses.js';
import { startCluster } from '../../support/redis-cluster.js';
import { DURABLE, askOne } from '../../support/redis-group.js';
import { startSentinels } from '../../support/redis-sentinels.js';
import { startTcpRedis, startTlsRedis } from '../../support/redis-tcp.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** The line for operators, word by word as it stands in the document. */
function documentedUser(user = 'fullscript'): [string, ...string[]] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/redis.md'), 'utf8');
  const lines = [...text.matchAll(/ACL SETUSER (\w+) (?:.*\\\n)*[^`\n]*/g)];
  const [line = ''] = lines.find(([, name]) => name === user) ?? [];
  const [command = '', ...args] = line.replaceAll(/\\\n/g, ' ').trim().split(/\s+/);
  return [command, ...args];
}

const LOGIN = 'fullscript:choose-a-long-password@';

/** Every command that the adapters have. */
async function useEverything(client: RedisClient): Promise<void> {
  const records = createRedisGrantRecords(client);
  await records.compareAndSet('id', { version: 1, sealed: 's' }, 0);
  expect(await records.read('id')).toEqual({ version: 1, sealed: 's' });
  await records.remove('id');
  expect(await records.lastVersion('id')).toBe(2);
  const index = createRedisGrantIndex(client);
  await index.enter('id');
  await index.put('id', 'needs_reconnect');
  expect(await index.page({ limit: 1 })).toEqual([{ id: 'id', status: 'needs_reconnect' }]);
  expect(await index.counts()).toHaveLength(8);
  await index.drop('id');
  await index.noteChecked(60_000);
  expect(await index.isChecked()).toBe(true);
  const pending = createRedisPendingAuthorizations(client);
  await pending.save('id', 'value', 60_000);
  expect(await pending.peek('id')).toBe('value');
  expect(await pending.take('id')).toBe('value');
  const lock = createRedisLock(client);
  await lock.run('id', 0, () => Promise.resolve());
  expect(await lock.run('id', 0, () => Promise.resolve('released'))).toBe('released');
  const sessions = createSessionRecords(client);
  const session = JSON.parse('{"cookie":{}}') as SessionData;
  await sessions.enter('me', 'hash', 60_000);
  expect(await sessions.create('hash', encodeSession(session), 60_000)).toBe(true);
  await sessions.update('hash', encodeSession(session), 60_000);
  await sessions.extend('hash', 60_000);
  await sessions.extendEntry('me', 'hash', 60_000);
  expect(await sessions.entries('me')).toEqual(['hash']);
  expect(await sessions.remove('hash')).toEqual(session);
  await sessions.strike('me', ['hash']);
  const users = createRedisDisabledUsers(client);
  expect(await users.add('me')).toBe(true);
  expect(await users.has('me')).toBe(true);
  expect(await users.all()).toEqual(['me']);
  expect(await users.remove('me')).toBe(true);
  await createRedisUserSessions({ client, ...sessionRules }).endEverybody();
  await useQueue(client);
  await useSignals(client);
  const failures = createRedisRefreshFailures(client);
  const failure = { version: 1, count: 1, code: 'no_answer', status: undefined } as const;
  await failures.keep('id', { ...failure, byHand: false }, 1_000);
  expect(await failures.read('id')).toMatchObject(failure);
  const starts = createRedisRateLimitStore(client, 'start');
  await starts.init?.({ windowMs: 60_000 } as Options);
  expect(await starts.increment('me')).toMatchObject({ totalHits: 1 });
  expect(await starts.increment('me')).toMatchObject({ totalHits: 2 });
  await starts.decrement('me');
  expect(await starts.get?.('me')).toMatchObject({ totalHits: 1 });
  const batch = { id: 'batch', window: 60_000, ttlMs: 1_000, counts: new Map([['me', 3]]) };
  expect(await createRedisSharedCounts(client).add(batch)).toEqual([3]);
  const activity = createRedisUserActivity(client);
  await activity.record('me', { event: 'signed_in', at: 1 });
  expect((await activity.list('me', { limit: 1 })).entries).toHaveLength(1);
  await useAuditTrail(client);
  await ping(client);
}

/** Written, read, and waited for. */
async function useAuditTrail(client: RedisClient): Promise<void> {
  const trail = createRedisAuditTrail(client);
  const at = Date.now();
  await trail.record('administration', [{ event: 'user_enabled', at }]);
  const from = await auditPosition(client);
  await trail.record('events', [{ event: 'signed_in', at }]);
  const { signal } = new AbortController();
  const onError = (error: Error) => {
    throw error;
  };
  for await (const { event } of followAuditTrail({ client, from, signal, onError })) {
    expect(event).toBe('signed_in');
    break;
  }
  expect((await trail.newestFirst().next()).value).toMatchObject({ at });
}

/** Listening, telling, and listening no more. */
async function useSignals(client: RedisClient): Promise<void> {
  const errors: string[] = [];
  const onError = ({ message }: Error) => errors.push(message);
  const signals = createRedisConnectionSignals({ client, onError });
  let heard = 0;
  const end = signals.listen('me', () => void (heard += 1));
  await until(() => heard === 1);
  signals.tell('me');
  await until(() => heard === 2);
  end();
  // Behind the end of the first one, on the same connection.
  signals.listen('you', () => void (heard += 1));
  await until(() => heard === 3);
  signals.close();
  expect(errors).toEqual([]);
}

/** Deliveries that go well, are put off, fail, and are not wanted any more. */
async function useQueue(client: RedisClient): Promise<void> {
  const errors: Error[] = [];
  const onError = (error: Error) => errors.push(error);
  const queue = createRedisRevocationQueue({ client, onError, afterErrorMs: 1 });
  const entry = (id: string) => ({ id, addedAt: Date.now(), sealed: 's' });
  await queue.add(entry('unwanted'), 60_000);
  expect((await queue.counts()).delayed).toBe(1);
  await queue.remove('unwanted');
  for (const id of ['good', 'put-off', 'bad']) await queue.add(entry(id), 0);
  const seen: string[] = [];
  queue.deliver(({ id }) => {
    seen.push(id);
    const first = seen.filter((one) => one === id).length === 1;
    if (id === 'bad' && first) return Promise.reject(new Error('thrown by the test'));
    const again = id === 'put-off' && first;
    return Promise.resolve(again ? { sealed: 's2', inMs: 1 } : undefined);
  });
  await until(() => seen.length === 5);
  const from = performance.now();
  await queue.close();
  expect(performance.now() - from).toBeLessThan(2_000);
  expect(errors.map(({ message }) => message)).toEqual(['thrown by the test']);
}

describe('the ACL user of docs/redis.md', () => {
  it('single server → may do all that is needed, and nothing else', async () => {
    const redis = await startTcpRedis({ args: DURABLE });
    ends.push(() => redis.stop());
    await askOne(redis.port, ...documentedUser());
    const grants = await openGrants(`redis://${LOGIN}127.0.0.1:${redis.port}`);
    ends.push(...grants.clients.map((one) => () => closeRedis(one)));
    await useEverything(grants.client);
    expect(await grants.records.compareAndSet('x', { version: 1, sealed: 's' }, 0)).toBe(
      'confirmed',
    );
    const ids: string[] = [];
    for await (const page of grants.records.ids()) ids.push(...page);
    expect(ids).toContain('x');
    expect((await grants.saves.check.current())?.problems).toEqual([]);
    expect(grants.errors).toEqual([]);
    for (const refused of [
      grants.client.get('somebody-elses'),
      grants.client.keys('*'),
      grants.client.publish('somebody-elses', ''),
      grants.client.flushall(),
      grants.client.config('SET', 'appendonly', 'no'),
    ]) {
      await expect(refused).rejects.toThrow('NOPERM');
    }
  });

  it('cluster with replicas → may do all that is needed, WAIT too', async () => {
    const group = await startCluster();
    ends.push(() => group.stop());
    for (const { port } of group.members) {
      await askOne(port, ...documentedUser());
    }
    const grants = await openGrants(group.url.replace('://', `://${LOGIN}`));
    ends.push(...grants.clients.map((one) => () => closeRedis(one)));
    await useEverything(grants.client);
    expect(await grants.records.compareAndSet('x', { version: 1, sealed: 's' }, 0)).toBe(
      'confirmed',
    );
    expect(grants.errors).toEqual([]);
  });

  it('sentinels with a user of their own → the master is found, and nothing is refused', async () => {
    const group = await startSentinels();
    ends.push(() => group.stop());
    const ports = [...group.url.matchAll(/:(\d+)/g)].map(([, port]) => Number(port));
    for (const port of ports) await askOne(port, ...documentedUser('watcher'));
    const login = '?sentinelUsername=watcher&sentinelPassword=another-long-password';
    const grants = await openGrants(`${group.url}${login}`);
    ends.push(...grants.clients.map((one) => () => closeRedis(one)));
    await useEverything(grants.client);
    const listening = async (port: number) =>
      String(await askOne(port, 'CLIENT', 'LIST')).match(/ sub=1 .* user=watcher/g)?.length;
    for (const port of ports) await until(async () => (await listening(port)) === 2);
    expect(grants.errors).toEqual([]);
  });

  it('password is wrong → refused in time, told why, without the password', async () => {
    const redis = await startTcpRedis();
    ends.push(() => redis.stop());
    await askOne(redis.port, ...documentedUser());
    const errors: string[] = [];
    const url = `redis://fullscript:not-this-one@127.0.0.1:${redis.port}`;
    const client = connectRedis(parseStoreUrl(url), { onError: (one) => errors.push(String(one)) });
    ends.push(() => closeRedis(client));
    await until(() => errors.length > 0);
    expect(errors.join()).toContain('WRONGPASS');
    expect(errors.join()).not.toContain('not-this-one');
  });
});

describe('TLS', () => {
  it.each(['rediss', 'rediss+cluster'])(
    '%s, authority is not known → refused in time, and says what to do',
    async (scheme) => {
      const clustered = scheme === 'rediss+cluster' ? ['--cluster-enabled', 'yes'] : [];
      const redis = await startTlsRedis({ args: clustered });
      ends.push(() => redis.stop());
      const errors: string[] = [];
      const address = parseStoreUrl(`${scheme}://127.0.0.1:${redis.port}`);
      const client = connectRedis(address, { onError: (one) => errors.push(one.message) });
      ends.push(() => closeRedis(client));
      const from = performance.now();
      const read = createRedisGrantRecords(client).read('id');
      await expect(read).rejects.toBeInstanceOf(StoreUnavailableError);
      expect(performance.now() - from).toBeLessThan(1_000);
      await until(() => errors.some((one) => one.includes('NODE_EXTRA_CA_CERTS')));
      expect(errors.join()).toMatch(/certificate of Redis is not trusted/);
    },
  );
});
