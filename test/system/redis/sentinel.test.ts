import type { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { closeRedis } from '../../../src/redis/client.js';
import { until } from '../../support/contract.js';
import { type Grants, openGrants, useGrants } from '../../support/grant-uses.js';
import { type RedisGroup, askOne } from '../../support/redis-group.js';
import { startSentinels } from '../../support/redis-sentinels.js';

const ANSWER_LIMIT_MS = 1_000;
const FAILOVER_LIMIT_MS = 15_000;

let group: RedisGroup;
let grants: Grants;

beforeEach(async () => {
  group = await startSentinels();
  grants = await openGrants(group.url);
});

afterEach(async () => {
  await Promise.all(grants.clients.map(closeRedis));
  await group.stop();
});

/** Takes the master away while a grant is read and saved, and waits until that works again. */
async function overFailover(take: (port: number) => unknown) {
  const master = await group.masterOf('');
  const use = useGrants(grants, ['id']);
  await until(async () => ((await grants.records.read('id'))?.version ?? 0) > 5);
  await take(master.port);
  await until(async () => {
    const now = await group.masterOf('');
    const well = performance.now() - use.seen.wellSince > 500;
    return now.port !== master.port && use.seen.refused > 0 && well;
  }, FAILOVER_LIMIT_MS);
  return await use.stop();
}

/** What ioredis keeps to itself: who listens to the sentinels. */
interface WithDetector {
  readonly failoverDetector: { readonly sentinels: readonly { client: EventEmitter }[] } | null;
}

const member = (port: number) => group.members.find((one) => one.port === port)!;

describe('connectRedis behind Sentinel', () => {
  it('master killed → refused in time, then the new master by itself; nothing saved is lost', async () => {
    const seen = await overFailover((port) => member(port).kill());
    expect(seen.slowest).toBeLessThan(ANSWER_LIMIT_MS);
  }, 30_000);

  it('master frozen → refused in time, then the new master by itself; nothing saved is lost', async () => {
    const seen = await overFailover((port) => {
      member(port).pause();
    });
    expect(seen.slowest).toBeLessThan(ANSWER_LIMIT_MS);
  }, 30_000);

  it('handed over with its writes paused → refused in time; nothing saved is lost', async () => {
    const sentinel = Number(/:(\d+)/.exec(group.url)?.[1]);
    const seen = await overFailover(async (port) => {
      // Else it takes writes, and the other replica confirms them, until it learns of its successor.
      await askOne(port, 'CLIENT', 'PAUSE', '10000', 'WRITE');
      await askOne(sentinel, 'SENTINEL', 'FAILOVER', 'main');
    });
    expect(seen.slowest).toBeLessThan(ANSWER_LIMIT_MS);
  }, 30_000);

  it('told of a fail-over while the sentinels are asked → goes on until it is connected', async () => {
    const { client } = grants;
    const connector = (client as unknown as { connector: WithDetector }).connector;
    let told = 0;
    const ended: string[] = [];
    for (const one of grants.clients) one.on('end', () => ended.push('end'));
    await until(() => connector.failoverDetector !== null);
    client.on('connecting', () => {
      told += 1;
      for (const sentinel of connector.failoverDetector?.sentinels ?? []) {
        sentinel.client.emit('message', '+switch-master');
      }
    });
    const works = () =>
      client.ping().then(
        () => true,
        () => false,
      );
    const master = await group.masterOf('');
    await member(master.port).kill();
    await until(() => told > 0);
    await until(works, FAILOVER_LIMIT_MS);
    expect(ended).toEqual([]);
  }, 30_000);

  it('one sentinel is gone → told which, and the others are asked', async () => {
    const others = await openGrants(group.url.replace('://', '://127.0.0.1:1,'));
    await Promise.all(others.clients.map(closeRedis));
    const messages = others.errors.map(({ message }) => message);
    expect(messages).toContainEqual(expect.stringContaining('sentinel 127.0.0.1:1 '));
  });
});
