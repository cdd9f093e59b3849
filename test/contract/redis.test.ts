import { afterAll, beforeAll, describe } from '@jest/globals';
import { openRedisStage, openSafeStage } from '../support/contract.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { type Database, openDatabase } from '../support/shared-redis.js';
import { allContracts } from './all.js';
import { grantRecordsContract } from './grant-records.js';

describe('in Redis', () => {
  let database: Database;

  beforeAll(async () => {
    database = await openDatabase();
  });

  afterAll(() => database.stop());

  allContracts(() => openRedisStage(database));
});

describe('in Redis, with saves that wait for the disk', () => {
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] });
  });

  afterAll(() => redis.stop());

  grantRecordsContract(() => openSafeStage(redis));
});
