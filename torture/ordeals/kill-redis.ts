import { setTimeout as delay } from 'node:timers/promises';
import type { Fleet } from '../fleet.js';
import type { Ordeal, OrdealStage } from '../ordeal.js';
import { type Visitor, lostAmong, sessionOf } from '../visitor.js';
import { DURABLE } from '../../test/support/redis-server.js';

const PEOPLE = 5;
/** What survives a kill on a Redis without WAITAOF. */
export const killRedis: Ordeal = {
  name: 'kill-redis',
  title: 'kill -9 of Redis (AOF on) while refreshes run: 0 grants and sessions lost',
  run: async ({ short, random, open }) => {
    const wanted = short ? 15 : 200;
    const fleet = await open({ processes: 2, redisArgs: DURABLE });
    const visitors: Visitor[] = [];
    for (let i = 0; i < PEOPLE; i += 1) visitors.push(await fleet.signIn(i));
    const misses: string[] = [];
    let [rounds, struck, failed] = [0, 0, 0];
    while (struck < wanted && rounds < wanted) {
      rounds += 1;
      // Redis is back before the saves give up, so immediate rotation must not cost a grant either.
      const rotation = random.pick(['on_use', 'immediate'] as const);
      fleet.simulator.settings.rotation = rotation;
      const seen = await strike(fleet, visitors, random);
      struck += seen.struck;
      failed += seen.failed;
      // The sessions first: a lost one would look like a lost grant.
      const signedOut = await signedOutAmong(fleet, visitors);
      if (signedOut > 0) misses.push(`round ${rounds}: ${signedOut} sessions lost`);
      const lost = await lostAmong(visitors, random.pick(fleet.members));
      misses.push(...lost.map(({ why }) => `round ${rounds} (${rotation}): a grant ended, ${why}`));
      for (const { visitor } of lost) {
        visitors[visitors.indexOf(visitor)] = await fleet.signIn(visitors.indexOf(visitor));
      }
    }
    const figure = `${struck} refreshes struck (${failed} answered with an error), ${misses.length} grants or sessions lost`;
    return { rounds, figure, misses };
  },
};

/** Kills Redis among refreshes and brings it back; how many were under way, and how many failed. */
async function strike(
  { simulator, redis, members }: Fleet,
  visitors: readonly Visitor[],
  random: OrdealStage['random'],
): Promise<{ struck: number; failed: number }> {
  simulator.expireAccessTokens();
  const ms = random.between(0, 80);
  const quicken = simulator.faults.add({ endpoint: 'token', kind: 'delay', ms });
  const underWay = new Set<Visitor>();
  const calls = visitors.map(async (visitor) => {
    const member = random.pick(members);
    await delay(random.between(0, 60));
    underWay.add(visitor);
    const { status } = await member.ask(visitor);
    underWay.delete(visitor);
    return status;
  });
  await delay(random.between(10, 120));
  const struck = underWay.size;
  await redis.kill();
  await delay(random.between(0, 1_000));
  await redis.restart();
  const statuses = await Promise.all(calls);
  quicken();
  return { struck, failed: statuses.filter((status) => status !== 200).length };
}

/** Asks until the process has found Redis again. */
async function signedOutAmong({ members }: Fleet, visitors: readonly Visitor[]): Promise<number> {
  let signedOut = 0;
  for (const visitor of visitors) {
    let session = await sessionOf(visitor, members[0]!);
    for (let tries = 0; session === undefined && tries < 50; tries += 1) {
      await delay(100);
      session = await sessionOf(visitor, members[0]!);
    }
    if (session?.signedIn !== true) signedOut += 1;
  }
  return signedOut;
}
