import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Options } from 'express-rate-limit';
import type { SessionData } from 'express-session';
import { followAuditTrail } from '../../src/redis/audit-follower.js';
import { auditPosition } from '../../src/redis/audit-reader.js';
import { createRedisAuditTrail } from '../../src/redis/audit-trail.js';
import { type RedisClient, ping } from '../../src/redis/client.js';
import { createRedisConnectionSignals } from '../../src/redis/connection-signals.js';
import { createRedisDisabledUsers } from '../../src/redis/disabled-users.js';
import { createRedisGrantIndex } from '../../src/redis/grant-index.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { createRedisLock } from '../../src/redis/lock.js';
import { createRedisPendingAuthorizations } from '../../src/redis/pending-authorizations.js';
import { createRedisRateLimitStore } from '../../src/redis/rate-limit-store.js';
import { createRedisRefreshFailures } from '../../src/redis/refresh-failures.js';
import { createRedisRevocationQueue } from '../../src/redis/revocation-queue.js';
import { createSessionRecords } from '../../src/redis/session-records.js';
import { encodeSession } from '../../src/redis/session-codec.js';
import { createRedisSharedCounts } from '../../src/redis/shared-counts.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import { createRedisUserSessions } from '../../src/redis/user-sessions.js';
import { sessionRules } from './contract.js';
import { until } from './until.js';
import { SIGN_IN } from './stored-sessions.js';

/** The line for operators, word by word as it stands in the document. */
export function documentedUser(user = 'fullscript'): [string, ...string[]] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/redis.md'), 'utf8');
  const lines = [...text.matchAll(/ACL SETUSER (\w+) (?:.*\\\n)*[^`\n]*/g)];
  const [line = ''] = lines.find(([, name]) => name === user) ?? [];
  const [command = '', ...args] = line.replaceAll(/\\\n/g, ' ').trim().split(/\s+/);
  return [command, ...args];
}

export const LOGIN = 'fullscript:choose-a-long-password@';

/** Every command that the adapters have. */
export async function useEverything(client: RedisClient): Promise<void> {
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
  const session = { cookie: {}, signIn: SIGN_IN } as unknown as SessionData;
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
