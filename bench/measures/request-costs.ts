import type { Contestant } from '../contestant.js';
import type { ContestantSpec } from '../contestants.js';
import { type Rounds, alternate, requestLane } from '../alternate.js';
import { getRequest } from '../http-load.js';
import type { Cost, Scene, Stage } from '../measure.js';
import { memoryOf } from '../process-use.js';
import { measureRedisUse } from '../redis-use.js';
import { isSignedIn, signInUsers } from '../sign-in.js';
import { median } from '../statistics.js';

const USERS = 50;
const REQUESTS = 1_500;
const WARM_UP = 3;
/** One after another, to see what each asks of Redis; of few users, who ask often. */
const SEQUENTIAL = { users: 10, requests: 4_000 };

/** One contestant's rounds, and what they come to. */
export interface Measured {
  readonly spec: ContestantSpec;
  readonly rounds: Rounds;
  readonly cost: Cost;
}

/** The same request to all of them, in turn: CPU, throughput, Redis and memory. */
export async function compareRequests(
  stage: Stage,
  { specs, scene }: { specs: readonly ContestantSpec[]; scene: Scene },
): Promise<Measured[]> {
  const path = scene === 'gateway call' ? 'gatewayPath' : 'signedInPath';
  const prepared = [];
  for (const spec of specs) {
    const contestant = await stage.start(spec);
    const cookies = spec.usesRedis ? await cookiesOf(contestant) : [''];
    prepared.push({
      contestant,
      requests: cookies.map((cookie) => getRequest(spec[path], cookie)),
    });
  }
  const lanes = prepared.map(({ contestant, requests }) =>
    requestLane(contestant, { requests, total: REQUESTS }),
  );
  const rounds = await alternate(lanes, { rounds: stage.short ? 5 : 21, warmUp: WARM_UP });
  const measured: Measured[] = [];
  for (const [at, { contestant, requests }] of prepared.entries()) {
    const own = rounds[at] ?? { cpu: [], perSecond: [] };
    const { spec, program } = contestant;
    const redis = await measureRedisUse(contestant, {
      requests: requests.slice(0, SEQUENTIAL.users),
      total: SEQUENTIAL.requests * (spec.share ?? 1),
    });
    const cost: Cost = {
      ...{ scene, name: spec.name, kind: spec.kind, redis },
      cpuMicroseconds: median(own.cpu),
      perSecond: median(own.perSecond),
      rssBytes: memoryOf(program.pid).rss,
    };
    measured.push({ spec, rounds: own, cost });
  }
  return measured;
}

/** Of users who are signed in, as the contestant says itself. */
async function cookiesOf(contestant: Contestant): Promise<string[]> {
  const users = await signInUsers(contestant, { count: USERS });
  const checked = await Promise.all(users.map(({ browser }) => isSignedIn(contestant, browser)));
  if (checked.includes(false))
    throw new Error(`${contestant.spec.name}: somebody is not signed in`);
  return users.map(({ cookie }) => cookie);
}

/** The one of this specification. */
export function pick(measured: readonly Measured[], spec: ContestantSpec): Measured {
  const found = measured.find((one) => one.spec === spec);
  if (found === undefined) throw new Error(`${spec.name} was not measured`);
  return found;
}
