import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { everythingIn } from '../support/everything-stored.js';
import type { TestRedis } from '../support/redis-server.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';
import { DURABLE } from '../support/redis-server.js';

let world: World<TestRedis>;

beforeEach(async () => {
  world = await openWorldWithRedis({ args: DURABLE });
});

afterEach(() => world.close());

const revocations = () =>
  world.simulator.requests.filter(({ path }) => path.endsWith('/oauth/revoke')).length;

async function signedIn(app: App): Promise<Browser> {
  const browser = app.browser();
  await browser.signIn(world.simulator.people[0]!.id);
  expect(world.simulator.stats.livePairs).toBe(1);
  return browser;
}

describe('disconnect while Fullscript does not confirm', () => {
  const open = async (revocationRetryMs: number) =>
    await signedIn(await world.start({}, { revocationRetryMs }));

  it('a new sign-in meanwhile → is not touched by the old revocation', async () => {
    const browser = await open(50);
    const heal = world.simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    await browser.post('/oauth/disconnect');
    await browser.signIn(world.simulator.people[0]!.id);
    expect(world.simulator.stats.livePairs).toBe(2);
    heal();
    await until(() => world.simulator.stats.livePairs === 1);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
  });

  it('what waits in Redis shows no token', async () => {
    const browser = await open(60_000);
    world.simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    world.simulator.expireAccessTokens();
    await browser.send('/api/fullscript/clinic');
    await browser.post('/oauth/disconnect');
    const tokens = world.simulator.requests.flatMap(({ path, headers, body }) => {
      if (path.endsWith('/clinic')) return [headers['authorization']!.replace('Bearer ', '')];
      if (!/oauth\/(token|revoke)$/.test(path)) return [];
      const { token, refresh_token: refreshToken } = JSON.parse(body) as Record<string, string>;
      return [token, refreshToken].filter((one) => one !== undefined);
    });
    expect(tokens.length).toBeGreaterThanOrEqual(4);
    const stored = await everythingIn(world.stored);
    expect(stored).toMatch(/fc:1:queue:\{revocations\}:[0-9a-f-]{36}/);
    expect(stored).toContain('sealed');
    for (const token of tokens) expect(stored).not.toContain(token);
  });

  it('Redis killed and restarted in between → revoked all the same', async () => {
    const browser = await open(1_000);
    const heal = world.simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    expect((await browser.post('/oauth/disconnect')).status).toBe(303);
    // A job that was at work when Redis went stays locked for ten seconds; this one waits.
    const delayed = 'fc:1:queue:{revocations}:delayed';
    await until(async () => (await world.stored.zcard(delayed)) === 1);
    await world.redis.restart();
    heal();
    await until(() => world.simulator.stats.livePairs === 0);
  });

  it('Redis is away → 503, and the grant is as it was', async () => {
    const browser = await open(50);
    const token = await browser.csrfToken();
    await world.redis.kill();
    const body = new URLSearchParams({ _csrf: token });
    const answer = await browser.send('/oauth/disconnect', { method: 'POST', body });
    expect(answer.status).toBe(503);
    await world.redis.restart();
    await until(async () => (await browser.send('/readyz')).status === 200);
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    expect(revocations()).toBe(0);
  });
});

describe('disconnect of a record that cannot be opened', () => {
  it('forgets it, and says that Fullscript could not be told', async () => {
    const browser = await signedIn(await world.start());
    const body = new URLSearchParams({ _csrf: await browser.csrfToken() });
    const { stored } = world;
    const [key] = await stored.keys('fc:1:grant:*');
    await stored.hset(key!, 's', 'k9.AAAA');
    const { location } = await browser.send('/oauth/disconnect', { method: 'POST', body });
    expect(location).toBe('/portal?disconnected=unreadable');
    expect(await stored.hget(key!, 's')).toBeNull();
    const page = await browser.send('/portal?disconnected=unreadable');
    expect(page.text).toContain('could not be read any more');
  });
});
