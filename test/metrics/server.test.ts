import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, copyOf } from '../support/browser.js';
import { gate } from '../support/gate.js';
import type { TestRedis } from '../support/redis-server.js';
import { scrape } from '../support/scrape.js';
import { until } from '../support/until.js';
import { type App, type World, openWorldWithRedis } from '../support/world.js';

/** What servers count while they work, as Prometheus gets it. */

let world: World<TestRedis>;

beforeAll(async () => {
  world = await openWorldWithRedis();
});

beforeEach(async () => {
  world.simulator.faults.reset();
  await world.stored.flushall();
});

afterAll(() => world.close());

/** A server that has counted nothing yet but this sign-in. */
async function signedIn(): Promise<{ app: App; browser: Browser }> {
  const app = await world.start();
  const browser = app.browser();
  await browser.signIn(world.simulator.people[0]!.id);
  return { app, browser };
}

const value = async ({ local }: App, series: string) => (await scrape(local)).get(series);

describe('a sign-in', () => {
  it('that succeeds → counted, timed, and a session begun', async () => {
    const { app } = await signedIn();
    const seen = await scrape(app.local);
    expect(seen.get('fullscript_sign_ins_total{outcome="success"}')).toBe(1);
    expect(seen.get('fullscript_sign_in_duration_seconds_count{result="success"}')).toBe(1);
    const took = seen.get('fullscript_sign_in_duration_seconds_sum{result="success"}') ?? 0;
    expect(took).toBeGreaterThan(0);
    expect(took).toBeLessThan(20);
    expect(seen.get('fullscript_sessions_started_total')).toBe(1);
    const exchanges = 'fullscript_token_requests_total{operation="exchange",outcome="ok"}';
    expect(seen.get(exchanges)).toBe(1);
  });

  it('that the user refuses → counted apart, and no session', async () => {
    const app = await world.start();
    const browser = app.browser();
    // Who has consented before is not asked again.
    const person = world.simulator.people[1]!.id;
    await browser.open(await browser.consent({ person, decision: 'deny' }));
    const seen = await scrape(app.local);
    expect(seen.get('fullscript_sign_ins_total{outcome="access_denied"}')).toBe(1);
    expect(seen.get('fullscript_sign_ins_total{outcome="success"}')).toBe(0);
    expect(seen.get('fullscript_sign_in_duration_seconds_count{result="failure"}')).toBe(1);
    expect(seen.get('fullscript_sessions_started_total')).toBe(0);
  });

  it('and a sign-out → a session ended by its user', async () => {
    const { app, browser } = await signedIn();
    await browser.post('/sign-out');
    const ended = await value(app, 'fullscript_sessions_ended_total{how="signed_out"}');
    expect(ended).toBe(1);
  });
});

describe('what is looked up for a scrape', () => {
  it('a connection → one grant of its registration, and none once it is removed', async () => {
    const { app, browser } = await signedIn();
    const active = 'fullscript_grants{registration="us-sandbox",status="active"}';
    await until(async () => (await value(app, active)) === 1);
    await browser.post('/oauth/disconnect');
    await until(async () => (await value(app, active)) === 0);
  });

  it('a connection that Fullscript ended → needs_reconnect', async () => {
    const { app, browser } = await signedIn();
    world.simulator.faults.add({
      ...{ endpoint: 'token', kind: 'status', status: 400 },
      body: { error: 'invalid_grant' },
    });
    world.simulator.expireAccessTokens();
    await browser.send('/api/fullscript/clinic');
    const needs = 'fullscript_grants{registration="us-sandbox",status="needs_reconnect"}';
    await until(async () => (await value(app, needs)) === 1);
    const events = 'fullscript_grant_events_total{event="reconnect_needed"}';
    expect(await value(app, events)).toBe(1);
  });

  it('a revocation that Fullscript does not confirm → in the queue, the same at every server', async () => {
    const { app, browser } = await signedIn();
    const other = await world.start();
    world.simulator.faults.add({ endpoint: 'revoke', kind: 'status', status: 503 });
    await browser.post('/oauth/disconnect');
    const delayed = 'fullscript_revocations_queued{state="delayed"}';
    await until(async () => (await value(app, delayed)) === 1);
    expect(await value(other, delayed)).toBe(1);
  });

  it('Redis is frozen → answered meanwhile: store_up is 0, and what it holds is left out', async () => {
    const { app } = await signedIn();
    expect(await value(app, 'fullscript_store_up')).toBe(1);
    world.redis.pause();
    try {
      const seen = await scrape(app.local);
      expect(seen.get('fullscript_store_up')).toBe(0);
      expect(seen.get('fullscript_journal_pairs')).toBe(0);
      expect(seen.get('fullscript_sign_ins_total{outcome="success"}')).toBe(1);
      const held = [...seen.keys()].filter((name) => /_grants\{|_queued\{/.test(name));
      expect(held).toEqual([]);
      // A scrape does not wait for the commands it gave up.
      const timeouts = 'fullscript_store_errors_total{reason="timeout"}';
      await until(async () => ((await value(app, timeouts)) ?? 0) > 0);
    } finally {
      world.redis.resume();
    }
    await until(async () => (await value(app, 'fullscript_store_up')) === 1);
  });

  it('the build → the version of package.json on this Node', async () => {
    const { app } = await signedIn();
    const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = JSON.parse(file) as { version: string };
    const series = `fullscript_build_info{version="${version}",node="${process.version}"}`;
    expect(await value(app, series)).toBe(1);
  });
});

describe('a refresh', () => {
  it('by two servers at once → one waits for the lock, one rotation is saved', async () => {
    const { app, browser } = await signedIn();
    const other = await world.start();
    const { simulator } = world;
    simulator.expireAccessTokens();
    const { opened, open: answer } = gate();
    const delay = { endpoint: 'token', kind: 'delay', until: opened } as const;
    simulator.faults.add({ ...delay, times: 1 });
    const { refreshes } = simulator.stats;
    const first = browser.send('/api/fullscript/clinic');
    await until(() => simulator.stats.refreshes > refreshes);
    const second = copyOf(browser, other.local).send('/api/fullscript/clinic');
    // It has been told 401, and now wants the lock.
    const rejected = 'fullscript_api_requests_total{method="GET",outcome="401"}';
    await until(async () => (await value(other, rejected)) === 1);
    await until(async () => (await lockTries()) >= 3);
    answer();
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    const saved = 'fullscript_rotation_to_save_seconds_count{place="store"}';
    expect([await value(app, saved), await value(other, saved)]).toEqual([1, 0]);
    const waited = 'fullscript_lock_wait_seconds_count{outcome="acquired"}';
    expect([await value(app, waited), await value(other, waited)]).toEqual([0, 1]);
    expect(await value(app, 'fullscript_refresh_duration_seconds_count')).toBe(1);
    const calls = 'fullscript_token_requests_total{operation="refresh",outcome="ok"}';
    expect([await value(app, calls), await value(other, calls)]).toEqual([1, 0]);

    /** The channel belongs to the process, so either server counts both. */
    async function lockTries(): Promise<number> {
      const tries = 'fullscript_store_call_duration_seconds_count{operation="lock_acquisition"}';
      return (await value(app, tries)) ?? 0;
    }
  });

  it('that fails, and another call at once → the next ones are held off', async () => {
    const { app, browser } = await signedIn();
    world.simulator.faults.add({ endpoint: 'token', kind: 'status', status: 500 });
    world.simulator.expireAccessTokens();
    for (let calls = 0; calls < 3; calls += 1) await browser.send('/api/fullscript/clinic');
    const failed = 'fullscript_token_requests_total{operation="refresh",outcome="server_error"}';
    expect(await value(app, failed)).toBeGreaterThan(0);
    expect(await value(app, 'fullscript_refreshes_held_off_total')).toBeGreaterThan(0);
  });
});

describe('calls of the API', () => {
  it('a token that has ended → 401, one retry with another one, 2xx', async () => {
    const { app, browser } = await signedIn();
    const before = await scrape(app.local);
    world.simulator.expireAccessTokens();
    expect((await browser.send('/api/fullscript/clinic')).status).toBe(200);
    const after = await scrape(app.local);
    const grown = (series: string) => (after.get(series) ?? 0) - (before.get(series) ?? 0);
    const outcome = (name: string) =>
      grown(`fullscript_api_requests_total{method="GET",outcome="${name}"}`);
    expect([outcome('401'), outcome('2xx')]).toEqual([1, 1]);
    expect(grown('fullscript_api_retries_total{reason="unauthorized"}')).toBe(1);
    expect(grown('fullscript_api_request_duration_seconds_count{method="GET"}')).toBe(2);
  });

  it('404, 429, a passing 503, a broken connection → each by its name', async () => {
    const { app, browser } = await signedIn();
    const { faults } = world.simulator;
    const before = await scrape(app.local);
    for (const status of [404, 429, 503]) {
      faults.add({ endpoint: 'api', kind: 'status', status, times: 1 });
      await browser.send('/api/fullscript/clinic');
    }
    faults.add({ endpoint: 'api', kind: 'drop', times: 1 });
    await browser.send('/api/fullscript/clinic');
    const after = await scrape(app.local);
    const grown = (outcome: string) => {
      const series = `fullscript_api_requests_total{method="GET",outcome="${outcome}"}`;
      return (after.get(series) ?? 0) - (before.get(series) ?? 0);
    };
    const names = ['404', '429', '5xx', 'unreachable', '2xx'];
    expect(names.map((name) => `${name}: ${grown(name)}`)).toEqual([
      ...['404: 1', '429: 1', '5xx: 1', 'unreachable: 1', '2xx: 2'],
    ]);
    const passing = 'fullscript_api_retries_total{reason="passing"}';
    expect((after.get(passing) ?? 0) - (before.get(passing) ?? 0)).toBe(2);
  });
});
