import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { SessionData } from 'express-session';
import { type GrantKey, grantId } from '../../src/grants/grant.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { AUDIT_TRAIL_KEY, DISABLED_USERS_KEY, activityKey } from '../support/keys.js';
import { createRedisGrantRecords } from '../../src/redis/grant-records.js';
import { createSessionRecords } from '../../src/redis/session-records.js';
import { encodeSession } from '../../src/redis/session-codec.js';
import { secret } from '../../src/oauth/secret.js';
import { createRedisUserActivity } from '../../src/redis/user-activity.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { runLine } from '../support/command.js';
import { connectTo } from '../support/contract.js';
import { type Database, openDatabase } from '../support/shared-redis.js';

const ADA: GrantKey = { registration: 'us-sandbox', owner: { id: 'a/d a', type: 'Practitioner' } };
const BOB: GrantKey = { registration: 'us-sandbox', owner: { id: 'bob', type: 'Staff' } };
const [ADA_NAME, BOB_NAME] = ['us-sandbox/Practitioner/a/d a', 'us-sandbox/Staff/bob'];
const SESSION = { secrets: [secret('the secret of an installation')] } as never;
const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

let redis: Database;
let client: RedisClient;
let dataDir: string;

beforeAll(async () => {
  redis = await openDatabase();
  client = await connectTo(redis);
  dataDir = await mkdtemp(join(tmpdir(), 'fc-cli-'));
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(() => client.flushdb());

async function keepSession(key: GrantKey, hash: string, device?: string): Promise<void> {
  const records = createSessionRecords(client);
  const session = { cookie: {}, signIn: { key, at: AT, device } } as unknown as SessionData;
  await records.enter(grantId(key), hash, 60_000);
  await records.create(hash, encodeSession(session), 60_000);
}

const run = (args: string[], url = redis.url, how: Parameters<typeof runLine>[2] = {}) =>
  runLine(args, { store: parseStoreUrl(url), dataDir, session: SESSION }, how);

const sessionKeys = () => client.keys('fc:1:session:*');

describe('runCommand', () => {
  it('sessions list → names, times and devices of that user, in words and as JSON', async () => {
    await keepSession(ADA, 'abcdefghijklmnopqrstuvwxyz', 'Chrome on Windows');
    await keepSession(BOB, 'zyxwvutsrqponmlkjihgfedcba');
    const { printed, ended } = await run(['sessions', 'list', ADA_NAME]);
    expect(ended).toBe('done');
    expect(printed).toBe(
      `${ADA_NAME} has 1 session.\n  abcdefghijkl  signed in 2026-01-02T03:04:05.000Z  Chrome on Windows`,
    );
    const asJson = (await run(['sessions', 'list', ADA_NAME, '--json'])).printed;
    expect(JSON.parse(asJson)).toEqual({
      user: ADA_NAME,
      sessions: [
        {
          ...{ id: 'abcdefghijkl', signedInAt: '2026-01-02T03:04:05.000Z' },
          device: 'Chrome on Windows',
        },
      ],
    });
    expect((await run(['sessions', 'list', BOB_NAME])).printed).toMatch(/ {2}Unknown browser$/);
  });

  it('sessions end → those of the user; --all → everybody’s', async () => {
    for (const hash of ['one', 'two']) await keepSession(ADA, hash);
    for (const hash of ['three', 'four', 'five']) await keepSession(BOB, hash);
    const { printed } = await run(['sessions', 'end', ADA_NAME]);
    expect(printed).toBe(`Ended 2 sessions of ${ADA_NAME}.`);
    expect(await sessionKeys()).toHaveLength(3);
    const all = await run(['sessions', 'end', '--all', '--json']);
    expect(JSON.parse(all.printed)).toEqual({ ended: 3 });
    const left = [activityKey(grantId(ADA)), AUDIT_TRAIL_KEY];
    expect((await client.keys('*')).sort()).toEqual(left);
    expect((await run(['sessions', 'end', '--all'])).printed).toBe(
      "Ended 0 sessions: everybody's.",
    );
  });

  it('users disable, disabled, enable → the record and the sessions; again → says so', async () => {
    await createRedisGrantRecords(client).compareAndSet(
      grantId(ADA),
      { version: 1, sealed: 's' },
      0,
    );
    await keepSession(ADA, 'one');
    await keepSession(BOB, 'two');
    const first = await run(['users', 'disable', ADA_NAME]);
    expect(first.printed).toBe(`${ADA_NAME} is disabled from now on. Ended 1 session.`);
    expect(await sessionKeys()).toEqual(['fc:1:session:two']);
    expect(await client.smembers(DISABLED_USERS_KEY)).toEqual([grantId(ADA)]);
    const second = await run(['users', 'disable', ADA_NAME, '--json']);
    expect(JSON.parse(second.printed)).toEqual({
      ...{ user: ADA_NAME, disabled: true, changed: false, ended: 0, connected: true },
    });
    expect((await run(['users', 'disabled'])).printed).toBe(`1 user is disabled.\n  ${ADA_NAME}`);
    expect((await run(['users', 'enable', ADA_NAME])).printed).toContain('may sign in again');
    expect((await run(['users', 'enable', ADA_NAME])).printed).toContain('was not disabled');
    const { printed } = await run(['users', 'disabled', '--json']);
    expect(JSON.parse(printed)).toEqual({ users: [] });
  });

  it('users disable of somebody who never connected → done, with a doubt about the id', async () => {
    const { printed, ended } = await run(['users', 'disable', BOB_NAME]);
    expect(ended).toBe('done');
    expect(printed).toContain('No grant of this user is stored.');
  });

  it('what is done to a user → in that user’s activity; without effect, or to all → not', async () => {
    await keepSession(ADA, 'one');
    await keepSession(BOB, 'two');
    const from = Date.now();
    for (const verb of ['sessions end', 'sessions end', 'users disable', 'users enable']) {
      await run([...verb.split(' '), ADA_NAME]);
    }
    await run(['sessions', 'end', '--all']);
    const activity = createRedisUserActivity(client);
    const { entries } = await activity.list(grantId(ADA), { limit: 20 });
    const by = { reason: 'administrator' };
    expect(entries).toEqual([
      { event: 'user_enabled', at: expect.any(Number), ...by },
      { event: 'user_disabled', at: expect.any(Number), ...by, sessions: 0 },
      { event: 'sessions_ended', at: expect.any(Number), ...by, sessions: 1 },
    ]);
    for (const { at } of entries) expect(at).toBeGreaterThanOrEqual(from);
    expect((await activity.list(grantId(BOB), { limit: 20 })).entries).toEqual([]);
  });

  it('sessions end --all that is stopped → some are left, and those that ended are written down', async () => {
    const hashes = Array.from({ length: 500 }, (_, at) => `session-${at}`);
    await Promise.all(hashes.map((hash) => keepSession(BOB, hash)));
    const { printed } = await run(['sessions', 'end', '--all', '--json'], redis.url, {
      signal: AbortSignal.abort(),
    });
    const { status, ended } = JSON.parse(printed) as { status: string; ended: number };
    const left = (await sessionKeys()).length;
    expect({ status, all: ended + left }).toEqual({ status: 'interrupted', all: 500 });
    expect(left).toBeGreaterThan(0);
    const [[, fields] = ['', []]] = await client.xrevrange(AUDIT_TRAIL_KEY, '+', '-', 'COUNT', 1);
    expect(fields.join(' ')).toContain(`sessions ${ended}`);
  });

  it('Redis is away → failed, with the reason', async () => {
    const nowhere = `unix://${join(dataDir, 'nowhere.sock')}`;
    const { ended, printed, said } = await run(['sessions', 'end', '--all'], nowhere, {
      waits: { readyMs: 300 },
    });
    expect({ ended, printed }).toEqual({ ended: 'failed', printed: '' });
    expect(said).toMatch(/Redis cannot be reached: .*ENOENT.* run it again/);
  });
});
