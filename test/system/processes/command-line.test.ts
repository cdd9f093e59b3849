import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { AuditTrail } from '../../../src/grants/audit-trail.js';
import { createRedisAuditTrail } from '../../../src/redis/audit-trail.js';
import { type RedisClient, closeRedis } from '../../../src/redis/client.js';
import { connectTo } from '../../support/contract.js';
import { startProcess } from '../../support/process.js';
import { type Database, openDatabase } from '../../support/shared-redis.js';
import { until } from '../../support/until.js';

/** Commands as programs that a shell puts together with others. */

let redis: Database;
let client: RedisClient;
let trail: AuditTrail;
let cwd: string;

beforeAll(async () => {
  redis = await openDatabase();
  client = await connectTo(redis);
  trail = createRedisAuditTrail(client);
  cwd = await mkdtemp(join(tmpdir(), 'fc-command-'));
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
  await rm(cwd, { recursive: true, force: true });
});

it('audit tail --follow before somebody who reads no more, as head → ends with 0 and no word', async () => {
  await trail.record('events', [{ event: 'signed_in', at: 1 }]);
  const args = ['audit', 'tail', '--follow'];
  const started = startProcess({ cwd, env: { REDIS_URL: redis.url }, script: 'cli/main.js', args });
  const { stdout } = started.child;
  await until(() => started.output().includes('signed_in'));
  stdout?.destroy();
  if (stdout !== null && !stdout.closed) await once(stdout, 'close');
  await trail.record('events', [{ event: 'signed_out', at: 2 }]);
  expect(await started.exited).toBe(0);
  expect(started.output().trim().split('\n')).toHaveLength(1);
});
