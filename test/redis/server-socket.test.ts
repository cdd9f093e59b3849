import { afterEach, describe, expect, it } from '@jest/globals';
import { rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { requestShutdown, serverState, socketPathFor } from '../../src/redis/server-socket.js';
import { type TestRedis, startRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';

let redis: TestRedis | undefined;

afterEach(async () => {
  await redis?.stop();
  redis = undefined;
});

describe('socketPathFor', () => {
  it('short path → in the data folder', async () => {
    expect(await socketPathFor('/srv/app/.data')).toBe('/srv/app/.data/redis.sock');
  });

  it('long path → in a private folder below the temporary one, the same each time', async () => {
    const long = `/srv/${'long/'.repeat(30)}${process.pid}`;
    const path = await socketPathFor(long);
    expect(path).toBe(await socketPathFor(long));
    expect(path).not.toBe(await socketPathFor(`${long}2`));
    expect(path.startsWith(join(tmpdir(), 'fullscript-connect-'))).toBe(true);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    for (const dir of [path, await socketPathFor(`${long}2`)]) {
      await rm(dirname(dir), { recursive: true });
    }
  });
});

describe('serverState', () => {
  it('running, frozen, killed → ready, busy, absent', async () => {
    redis = await startRedis();
    expect(await serverState(redis.socketPath)).toBe('ready');
    redis.pause();
    expect(await serverState(redis.socketPath, 30)).toBe('busy');
    await redis.kill();
    expect(await serverState(redis.socketPath)).toBe('absent');
  });

  it('no such socket → absent', async () => {
    expect(await serverState('/nonexistent/redis.sock')).toBe('absent');
  });
});

describe('requestShutdown', () => {
  it('running → ends', async () => {
    redis = await startRedis();
    const { socketPath } = redis;
    await requestShutdown(socketPath);
    await until(async () => (await serverState(socketPath)) === 'absent');
  });

  it('not running → no error', async () => {
    await requestShutdown('/nonexistent/redis.sock');
  });
});
