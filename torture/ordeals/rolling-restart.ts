import { setTimeout as delay } from 'node:timers/promises';
import { told, tookMs } from '../call.js';
import { startLoad } from '../load.js';
import type { Ordeal } from '../ordeal.js';
import { type Visitor, lostAmong } from '../visitor.js';

const PEOPLE = 4;

export const rollingRestart: Ordeal = {
  name: 'rolling-restart',
  title: 'rolling restart under load (SIGTERM one by one): 0 failed calls, 0 grants lost',
  run: async ({ short, random, open }) => {
    const rounds = short ? 1 : 5;
    const fleet = await open({ processes: 3 });
    const { members, simulator } = fleet;
    const visitors: Visitor[] = [];
    for (let i = 0; i < PEOPLE; i += 1) visitors.push(await fleet.signIn(i));
    simulator.faults.add({ endpoint: 'token', kind: 'delay', ms: 60 });
    const misses: string[] = [];
    const how = { clients: 12, pauseMs: 20, healthChecks: true };
    const load = startLoad({ members, visitors, random, ...how });
    for (let round = 1; round <= rounds; round += 1) {
      for (const [index, member] of members.entries()) {
        await delay(random.between(200, 800));
        // Every restart meets refreshes.
        simulator.expireAccessTokens();
        const code = await member.stop();
        if (code !== 0) misses.push(`process ${index} ended with exit code ${String(code)}`);
        await member.start();
      }
    }
    const answers = await load.stop();
    const failed = answers.filter(({ status }) => status !== 200);
    if (failed.length > 0) {
      misses.push(`${failed.length} calls failed: ${[...new Set(failed.map(told))].join(', ')}`);
    }
    simulator.faults.reset();
    const lost = await lostAmong(visitors, members[0]!);
    misses.push(...lost.map(({ why }) => `a grant ended (${why})`));
    const slowest = Math.max(...answers.map(tookMs));
    const figure = `${failed.length} of ${answers.length} calls failed, slowest ${slowest} ms, ${simulator.stats.refreshes} refreshes, ${lost.length} lost`;
    return { rounds, figure, misses };
  },
};
