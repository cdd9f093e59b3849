import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TestRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';
import { type World, openWorldWithRedis } from '../support/world.js';

/** `/readyz` of whole servers; test/http/health.test.ts has each reason by itself. */

let world: World<TestRedis>;

beforeAll(async () => {
  world = await openWorldWithRedis();
});

afterAll(() => world.close());

async function reasons(origin: string): Promise<readonly string[]> {
  const answer = await fetch(`${origin}/readyz`);
  return ((await answer.json()) as { reasons: string[] }).reasons;
}

describe('/readyz', () => {
  it('a server that is told to end → draining, while it still answers', async () => {
    const app = await world.start({}, { noticeMs: 500 });
    expect(await reasons(app.local)).toEqual([]);
    const closed = app.close();
    let last: readonly string[] = [];
    await until(async () => {
      last = await reasons(app.local);
      return last.length > 0;
    });
    expect(last).toEqual(['draining']);
    await closed;
  });

  it('Redis is frozen → store_unavailable meanwhile; when it is back → ready', async () => {
    const app = await world.start();
    world.redis.pause();
    try {
      expect(await reasons(app.local)).toEqual(['store_unavailable']);
    } finally {
      world.redis.resume();
    }
    await until(async () => (await reasons(app.local)).length === 0);
  });
});
