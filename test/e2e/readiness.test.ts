import { afterEach, describe, expect, it } from '@jest/globals';
import { type Scene, openScene } from '../support/scene.js';
import { until } from '../support/until.js';

/** `/readyz` of whole servers; test/http/health.test.ts has each reason by itself. */

let scene: Scene;

afterEach(() => scene.close());

async function reasons(origin: string): Promise<readonly string[]> {
  const answer = await fetch(`${origin}/readyz`);
  return ((await answer.json()) as { reasons: string[] }).reasons;
}

describe('/readyz', () => {
  it('a server that is told to end → draining, while it still answers', async () => {
    scene = await openScene();
    const app = await scene.open();
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

  it('Redis is frozen → store_unavailable within a second; when it is back → ready', async () => {
    scene = await openScene();
    const app = await scene.open();
    scene.redis.pause();
    try {
      const startedAt = performance.now();
      expect(await reasons(app.local)).toEqual(['store_unavailable']);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
    } finally {
      scene.redis.resume();
    }
    await until(async () => (await reasons(app.local)).length === 0);
  });
});
