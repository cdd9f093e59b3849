import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readArguments } from '../../src/cli/arguments.js';
import { runCommand } from '../../src/cli/run.js';
import type { Config } from '../../src/config.js';
import type { AuditEntry, AuditTrail } from '../../src/grants/audit-trail.js';
import type { GrantKey } from '../../src/grants/grant.js';
import { createOwnerTags } from '../../src/http/owner-tags.js';
import { secret } from '../../src/oauth/secret.js';
import { createRedisAuditTrail } from '../../src/redis/audit-trail.js';
import { type RedisClient, closeRedis } from '../../src/redis/client.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { sealingKey } from '../support/seeded-grants.js';
import { runLine } from '../support/command.js';
import { connectTo } from '../support/contract.js';
import { type Database, openDatabase } from '../support/shared-redis.js';
import { until } from '../support/until.js';

const ADA: GrantKey = { registration: 'us-sandbox', owner: { id: 'ada', type: 'Practitioner' } };
const [NEW, OLD] = [secret('the secret of now'), secret('the secret of before')];
const AT = Date.UTC(2026, 2, 1, 8);

let redis: Database;
let client: RedisClient;
let dataDir: string;
let trail: AuditTrail;
let config: Partial<Config>;

const tagUnder = (key: typeof NEW) => createOwnerTags([key]).inLogs(ADA);
const about = (key: typeof NEW) => ({
  ...{ registration: 'us-sandbox', ownerType: 'Practitioner', owner: tagUnder(key) },
});

beforeAll(async () => {
  redis = await openDatabase();
  client = await connectTo(redis);
  dataDir = await mkdtemp(join(tmpdir(), 'fc-cli-'));
  trail = createRedisAuditTrail(client);
  const session = { secrets: [NEW, OLD] } as never;
  const sealingKeys = [sealingKey('any')] as const;
  config = { store: parseStoreUrl(redis.url), dataDir, session, sealingKeys };
  const where = { device: 'Chrome on Windows', address: '203.0.113.9' };
  await trail.record('events', [
    { event: 'signed_in', at: AT, ...about(OLD), ...where, requestId: 'request-1' },
  ]);
  for (let at = 1; at <= 30; at += 1) {
    await trail.record('frequent', [
      { event: 'refreshed', at: AT + at, owner: 'somebody', tookMs: 7 },
    ]);
  }
  await trail.record('administration', [
    { event: 'user_disabled', at: AT + 40, ...about(NEW), by: 'root\u001b[31m', sessions: 2 },
  ]);
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const tail = (...args: string[]) => runLine(['audit', 'tail', ...args], config);
const entriesOf = ({ printed }: { printed: string }) =>
  (JSON.parse(printed) as { entries: (AuditEntry & { at: string })[] }).entries;

describe('audit tail', () => {
  it('without options → the latest twenty, the newest last, a line each', async () => {
    const { printed, ended } = await tail();
    const lines = printed.split('\n');
    expect(ended).toBe('done');
    expect(lines).toHaveLength(20);
    expect(lines[0]).toBe('2026-03-01T08:00:00.012Z  refreshed              somebody  tookMs=7');
    expect(lines[19]).toBe(
      `2026-03-01T08:00:00.040Z  user_disabled          us-sandbox/Practitioner/${tagUnder(NEW)}  ` +
        'by root\\u{1b}[31m  sessions=2',
    );
  });

  it('--json → one object with the entries, times in UTC', async () => {
    const entries = entriesOf(await tail('--json', '--lines', '1'));
    expect(entries).toEqual([
      {
        ...{ at: '2026-03-01T08:00:00.040Z', event: 'user_disabled', ...about(NEW) },
        ...{ by: 'root\u001b[31m', sessions: 2 },
      },
    ]);
  });

  it('--user → that user under all secrets, and the tags are said; --event → those alone', async () => {
    const found = await tail('--user', 'us-sandbox/Practitioner/ada', '--lines', '100');
    expect(found.printed.split('\n')).toHaveLength(2);
    expect(found.printed).toContain('from 203.0.113.9 (Chrome on Windows)  requestId=request-1');
    expect(found.said).toBe(
      `In logs and in the audit trail this user is ${tagUnder(NEW)}, ${tagUnder(OLD)}.`,
    );
    const events = entriesOf(await tail('--event', 'signed_in,user_disabled', '--json'));
    expect(events.map(({ event }) => event)).toEqual(['signed_in', 'user_disabled']);
    expect(entriesOf(await tail('--user', 'us-sandbox/Staff/ada', '--json'))).toEqual([]);
  });

  it('--since → by the time it was written down', async () => {
    for (const [since, found] of [
      ['1h', 3],
      ['365d', 3],
      ['2020-01-01', 3],
      ['2020-01-01T00:00:00+01:00', 3],
      ['2099-01-01T00:00:00Z', 0],
    ] as const) {
      const { printed } = await tail('--since', since, '--lines', '3', '--json');
      expect(entriesOf({ printed })).toHaveLength(found);
    }
  });

  it.each([
    ['--since', 'yesterday'],
    ['--since', '2026-13-45'],
    ['--lines', '0'],
    ['--lines', '10001'],
    ['--event', 'x y'],
    ['--user', 'ada'],
  ])('%s %s → wrong use, with what is right', async (option, value) => {
    await expect(tail(option, value)).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('--follow --json → the latest, then what comes, an object a line, until told to stop', async () => {
    const stop = new AbortController();
    const [printed, said]: [string[], string[]] = [[], []];
    const line = readArguments(
      'audit tail --follow --json --lines 1 --event signed_in,user_disabled'.split(' '),
    );
    if (line.help !== undefined) throw new Error('not a command');
    const ended = runCommand({
      line,
      readConfig: () => config as Config,
      print: (text) => void printed.push(text),
      terminal: { write: (text) => void said.push(text) },
      signal: stop.signal,
    });
    await until(() => printed.length === 1);
    await trail.record('frequent', [{ event: 'refreshed', at: AT + 50 }]);
    await trail.record('events', [{ event: 'signed_in', at: AT + 51, owner: 'x' }]);
    await until(() => printed.length === 2);
    stop.abort('SIGINT');
    expect(await ended).toBe('done');
    const events = printed.map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual(['user_disabled', 'signed_in']);
    expect(events[1]).toEqual({ at: '2026-03-01T08:00:00.051Z', event: 'signed_in', owner: 'x' });
    expect(said).toEqual([]);
  });
});
