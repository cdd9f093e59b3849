import { type Lane, alternate, requestLane } from '../alternate.js';
import type { Contestant } from '../contestant.js';
import { OURS } from '../contestants.js';
import { atMost, shown } from '../figures.js';
import { getRequest } from '../http-load.js';
import type { Figure, Measure } from '../measure.js';
import { withClient } from '../redis-use.js';
import { seedSessions, seedStore } from '../seeded-users.js';
import { signInUsers } from '../sign-in.js';
import { median, medianRatio } from '../statistics.js';

const FEW = 1_000;
const MANY = 100_000;
const USERS = 200;
const SPREAD = 20_000;
const REQUESTS = 1_500;
const WARM_UP = 4;

/**
 * The same request where there are few grants, and where there are many. Both are databases of one Redis,
 * exchanged under one server: two processes of the same program differ by more than the figure allows.
 */
export const manyGrants: Measure = {
  name: 'many-grants',
  run: async (stage) => {
    const redis = await stage.startRedis();
    return withClient(redis.url, async (client) => {
      await seedStore(redis, MANY);
      await client.swapdb(0, 1);
      await seedStore(redis, FEW);
      const contestant = await stage.start(OURS, { redis });
      const few = await usersRequests(contestant);
      await client.swapdb(0, 1);
      const many = await usersRequests(contestant);
      const spread = await spreadRequests(contestant);
      let current: 'few' | 'many' = 'many';
      const lane = (grants: 'few' | 'many', requests: readonly Buffer[]): Lane =>
        turning(contestant, requests, async () => {
          if (current !== grants) await client.swapdb(0, 1);
          current = grants;
        });
      const lanes = [lane('few', few), lane('many', many), lane('many', spread)];
      const rounds = await alternate(lanes, { rounds: stage.short ? 7 : 25, warmUp: WARM_UP });
      return { figures: figuresOf(rounds.map(({ cpu }) => cpu)) };
    });
  },
};

function figuresOf([few = [], many = [], spread = []]: readonly (readonly number[])[]): Figure[] {
  const value = medianRatio(many, few);
  const micro = (cpu: readonly number[]) => `${median(cpu).toFixed(0)} µs`;
  return [
    atMost(1.05, {
      name: `CPU per request with ${number(MANY)} grants against ${number(FEW)}`,
      value,
      text: `${value.toFixed(3)} (${micro(many)}, ${micro(few)})`,
    }),
    shown({
      name: `the same, spread over ${number(SPREAD)} users`,
      text: `${medianRatio(spread, few).toFixed(3)} (${micro(spread)})`,
    }),
  ];
}

const number = (value: number) => value.toLocaleString('en');

async function usersRequests(contestant: Contestant): Promise<Buffer[]> {
  const users = await signInUsers(contestant, { count: USERS });
  return users.map(({ cookie }) => getRequest(OURS.signedInPath, cookie));
}

async function spreadRequests(contestant: Contestant): Promise<Buffer[]> {
  const cookies = await seedSessions(contestant, SPREAD);
  return cookies.map((cookie) => getRequest(OURS.signedInPath, cookie));
}

/** Each round begins where the one before has ended, until all have been asked for. */
function turning(
  contestant: Contestant,
  requests: readonly Buffer[],
  prepare: () => Promise<void>,
): Lane {
  let from = 0;
  const work = () => {
    const turn = [...requests.slice(from), ...requests.slice(0, from)];
    from = (from + REQUESTS) % requests.length;
    return requestLane(contestant, { requests: turn, total: REQUESTS }).work();
  };
  return { contestant, prepare, work };
}
