import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { closeRedis } from '../../../src/redis/client.js';
import { type Browser, createBrowser } from '../../support/browser.js';
import { connectTo } from '../../support/contract.js';
import { gate } from '../../support/gate.js';
import { until } from '../../support/until.js';
import { type Fleet, type Member, openFleet } from '../../../torture/fleet.js';
import { sessionOf, storedGrants } from '../../../torture/visitor.js';
import { DURABLE } from '../../support/redis-server.js';

/** What happens around the server: clocks that are wrong, a Redis that is gone. */

const MINUTE = 60_000;
const PRELOAD = fileURLToPath(new URL('../../../torture/skewed-clock.mjs', import.meta.url));

describe('SR-52', () => {
  const clockFile = (folder: string) => join(folder, 'clock');
  /** Ahead, behind. */
  const offsets = [5 * MINUTE, -5 * MINUTE];
  let fleet: Fleet;
  let members: Member[];

  beforeAll(async () => {
    fleet = await openFleet({
      processes: 2,
      env: (folder) => ({ NODE_OPTIONS: `--import ${PRELOAD}`, CLOCK_FILE: clockFile(folder) }),
      prepare: (folder, index) => writeFile(clockFile(folder), String(offsets[index])),
    });
    members = [...fleet.members];
  });

  afterAll(() => fleet.close());

  async function setClock({ folder }: Member, minutes: number): Promise<void> {
    const offset = String(minutes * MINUTE);
    await writeFile(clockFile(folder), offset);
    await until(async () => (await readFile(`${clockFile(folder)}.seen`, 'utf8')) === offset);
  }

  it('SR-52 clocks five minutes ahead and behind, and a jump → one refresh for each token that ended', async () => {
    const { simulator } = fleet;
    const [ahead, behind] = members as [Member, Member];
    const visitor = await fleet.signIn(0, ahead);
    const { expiresAt } = (await sessionOf(visitor, behind))!;
    expect(Date.parse(expiresAt!) - Date.now()).toBeGreaterThan(124 * MINUTE);
    const callAll = async () => {
      for (let i = 0; i < 10; i += 1) {
        expect((await members[i % 2]!.ask(visitor)).status).toBe(200);
      }
    };
    await callAll();
    expect(simulator.stats.refreshes).toBe(0);
    for (const [round, jump] of [3, 5, 0].entries()) {
      simulator.expireAccessTokens();
      await callAll();
      expect(simulator.stats.refreshes).toBe(round + 1);
      await setClock(behind, jump);
      await callAll();
      expect(simulator.stats.refreshes).toBe(round + 1);
    }
  });
});

describe('SR-54', () => {
  const ANSWER_MS = 1_000;
  let fleet: Fleet;
  let member: Member;
  let redis: Redis;

  beforeAll(async () => {
    fleet = await openFleet({ processes: 1, redisArgs: DURABLE });
    member = fleet.members[0]!;
    redis = (await connectTo(fleet.redis)) as Redis;
  });

  afterAll(async () => {
    await closeRedis(redis);
    await fleet.close();
  });

  async function expectsRefusal(browser: Browser, path: string): Promise<void> {
    const from = performance.now();
    const answer = await browser.send(path);
    expect({ path, status: answer.status }).toEqual({ path, status: 503 });
    expect(performance.now() - from).toBeLessThan(ANSWER_MS);
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  }

  it.each([
    ['down', () => fleet.redis.kill(), () => fleet.redis.restart()],
    ['frozen', () => fleet.redis.pause(), () => fleet.redis.resume()],
  ] as const)(
    'SR-54 Redis %s → 503 within a second, cookie untouched, signed in afterwards without a restart',
    async (_name, go, back) => {
      const visitor = await fleet.signIn(0);
      const browser = visitor.at(member);
      await go();
      try {
        for (const path of ['/api/session', '/api/fullscript/clinic', '/portal']) {
          await expectsRefusal(browser, path);
        }
        await expectsRefusal(browser, '/oauth/authorize');
        expect(await member.isReady()).toBe(false);
      } finally {
        await back();
      }
      await until(() => member.isReady());
      expect(await sessionOf(visitor, member)).toMatchObject({ signedIn: true, status: 'active' });
      expect((await member.ask(visitor)).status).toBe(200);
    },
  );

  it('SR-54 Redis frozen during a callback → 503 long before the save gives up; saved behind it', async () => {
    const { redis, simulator } = fleet;
    const { id, type } = simulator.people[1]!;
    const key = { registration: 'us-sandbox', owner: { id, type } } as const;
    const browser = createBrowser(member.origin);
    const callback = await browser.consent({ person: id });
    const { opened, open } = gate();
    simulator.faults.add({ endpoint: 'token', kind: 'delay', until: opened, times: 1 });
    const { exchanges } = simulator.stats;
    const answer = browser.send(callback);
    await until(() => simulator.stats.exchanges > exchanges);
    redis.pause();
    const from = performance.now();
    try {
      open();
      expect((await answer).status).toBe(503);
      // The claim is a time: people wait a second, the save some seconds. Twice that second is room
      // for a busy machine.
      expect(performance.now() - from).toBeLessThan(2_000);
    } finally {
      redis.resume();
    }
    await until(async () => (await storedGrants(redis, [{ key }]))[0]?.status === 'active');
  });

  it('SR-54 Redis READONLY → what writes is 503 within a second; signed in afterwards without a restart', async () => {
    const visitor = await fleet.signIn(0);
    const browser = visitor.at(member);
    const { refreshes } = fleet.simulator.stats;
    // A master that lost its place: it answers reads, and refuses writes.
    await redis.replicaof('127.0.0.1', 1);
    try {
      fleet.simulator.expireAccessTokens();
      await expectsRefusal(browser, '/oauth/authorize');
      await until(async () => (await member.ask(visitor, '/api/session')).status === 200);
      await expectsRefusal(browser, '/api/fullscript/clinic');
      // No lock, no refresh: the refresh token is not risked.
      expect(fleet.simulator.stats.refreshes).toBe(refreshes);
    } finally {
      await redis.replicaof('NO', 'ONE');
    }
    await until(async () => (await member.ask(visitor)).status === 200);
    expect(await sessionOf(visitor, member)).toMatchObject({ signedIn: true, status: 'active' });
  });
});
