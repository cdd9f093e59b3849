import { afterEach, describe, expect, it } from '@jest/globals';
import type { Config } from '../../src/config.js';
import { createLogger } from '../../src/logger.js';
import { marksOf } from '../../src/redis/installation.js';
import { parseStoreUrl } from '../../src/redis/store-url.js';
import { openStore } from '../../src/store.js';
import { DURABLE, type TestRedis, startRedis } from '../support/redis-server.js';
import { bulk, integers, map, startFakeServer } from './fake-server.js';
import { sealingKey } from '../support/seeded-grants.js';
import { until } from '../support/until.js';

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function redisServer(...args: string[]): Promise<TestRedis> {
  const redis = await startRedis({ args });
  ends.push(() => redis.stop());
  return redis;
}

interface Line {
  level: number;
  msg: string;
  reason?: string;
}

const WARN = 40;
const KEY = sealingKey('k1');
const [OUR_MARK = ''] = marksOf([KEY]);

/** Opens the store at `url` and collects what it logs. */
function opening(url: string) {
  const lines: Line[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Line);
  const log = createLogger({ level: 'info', production: true, destination: { write } });
  const session = { idleMs: 60_000, maxMs: 60_000 };
  const sealingKeys = [KEY];
  const config = { store: parseStoreUrl(url), session, sealingKeys } as unknown as Config;
  const store = openStore({ config, log, now: Date.now });
  const loud = () => lines.filter(({ level }) => level >= WARN).map(({ msg }) => msg);
  return { store, lines, loud };
}

async function opened(url: string) {
  const { store, ...rest } = opening(url);
  const open = await store;
  ends.push(() => open.close());
  return { store: open, ...rest };
}

describe('openStore', () => {
  it('Redis is set to keep everything → no warning', async () => {
    const redis = await redisServer(...DURABLE);
    const { store, loud } = await opened(redis.url);
    await store.ping();
    expect(loud()).toEqual([]);
  });

  it('Redis is set to forget → a warning for each reason, not repeated after a reconnect', async () => {
    const redis = await redisServer('--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru');
    const { store, lines, loud } = await opened(redis.url);
    const warnings = [
      expect.stringContaining('appendonly yes'),
      expect.stringContaining('noeviction'),
    ];
    expect(loud()).toEqual(warnings);
    await redis.kill();
    await redis.restart();
    await until(() => store.ping().then(() => true, () => false)); // prettier-ignore
    await until(() => lines.filter(({ msg }) => msg === 'Redis connection is ready').length === 2);
    expect(loud().filter((msg) => msg.startsWith('store:'))).toEqual(warnings);
  });

  it('Redis is too old → does not open, and says why', async () => {
    const server = await startFakeServer(([name]) => {
      if (name === 'INFO') return bulk('redis_version:6.0.16\r\naof_enabled:1\r\n');
      return name === 'CONFIG' ? map('appendfsync', 'always') : '+OK\r\n';
    });
    ends.push(() => server.stop());
    const { store, loud } = opening(server.url);
    await expect(store).rejects.toThrow(/6\.0\.16 is too old/);
    expect(loud()).toEqual([expect.stringContaining('6.2 or newer')]);
  });

  it('saves are not confirmed → said once, not with each of them', async () => {
    const server = await startFakeServer(([name]) => {
      if (name === 'INFO') return bulk('redis_version:8.0.2\r\naof_enabled:1\r\n');
      if (name === 'CONFIG') return map('appendfsync', 'everysec');
      if (name === 'EVAL') return ':1\r\n';
      if (name === 'SMEMBERS') return `*1\r\n$${OUR_MARK.length}\r\n${OUR_MARK}\r\n`;
      return name === 'WAITAOF' ? integers(0, 0) : '+OK\r\n';
    });
    ends.push(() => server.stop());
    const { store, lines, loud } = await opened(server.url);
    for (const id of ['a', 'b', 'c']) {
      expect(await store.records.compareAndSet(id, { version: 1, sealed: 's' }, 0)).toBe(
        'unconfirmed',
      );
    }
    await until(() => loud().length > 0);
    expect(loud()).toEqual([expect.stringContaining('did not confirm')]);
    expect(lines.find(({ level }) => level === WARN)?.reason).toBe('not on disk in time');
  });
});
