import { setTimeout as delay } from 'node:timers/promises';
import type { Contestant } from '../contestant.js';
import { OURS, PEERS_OF_OURS } from '../contestants.js';
import { sideBySide } from '../figures.js';
import { getRequest, load, loadWell } from '../http-load.js';
import type { Figure, Measure, Stage } from '../measure.js';
import { signIn } from '../sign-in.js';
import { median, percentile } from '../statistics.js';

const CALLS = 200;
const TOKEN_DELAY_MS = 500;
const SHORT_LIFE_SECONDS = 3;
const LONG_LIFE_SECONDS = 7_200;
const WARM_UP_CALLS = 1_000;

/** How the token ends: by the clock, as everybody can see, or before its time, as only the API says. */
const ENDINGS = { clock: 'by the clock', early: 'ended early by the provider' } as const;
type Ending = keyof typeof ENDINGS;

interface Storm {
  readonly refreshes: number;
  readonly failures: number;
  /** The 99th percentile of the calls, in latencies of the token endpoint. */
  readonly p99: number;
}

/** Many calls of one user at the moment when the access token has ended. */
export const expiryStorm: Measure = {
  name: 'expiry-storm',
  run: async (stage) => {
    const rounds = stage.short ? 2 : 7;
    const one = await fleet(stage, 1);
    const four = await fleet(stage, 4);
    const peers = [];
    for (const spec of PEERS_OF_OURS) peers.push(await stage.start(spec));
    for (const member of [...one, ...four, ...peers]) await warmUp(member);
    const figures: Figure[] = [];
    for (const ending of Object.keys(ENDINGS) as Ending[]) {
      const others: [string, string][] = [];
      for (const peer of peers) {
        others.push([peer.spec.name, textOf(await storms(stage, [peer], { ending, rounds: 1 }))]);
      }
      for (const members of [one, four]) {
        const storm = await storms(stage, members, { ending, rounds });
        const side = members === one ? sideBySide(others) : '';
        figures.push(figureOf(storm, { ending, processes: members.length, others: side }));
      }
    }
    return { figures };
  },
};

/** Processes of this server on one Redis, as behind a load balancer. */
async function fleet(stage: Stage, processes: number): Promise<Contestant[]> {
  const redis = await stage.startRedis();
  const first = await stage.start(OURS, { redis });
  const members = [first];
  while (members.length < processes) {
    members.push(await stage.start(OURS, { redis, baseUrl: first.origin }));
  }
  return members;
}

/** Compiled, as after some minutes in production. */
async function warmUp(contestant: Contestant): Promise<void> {
  const { spec, port } = contestant;
  const { cookie } = await signIn(contestant, 'warm-up');
  const requests = [getRequest(spec.gatewayPath, cookie)];
  await loadWell(spec.name, { port, requests, total: WARM_UP_CALLS, connections: 50 });
}

/** Of some storms: the most refreshes, the most failures, and the median of their slow calls. */
async function storms(
  stage: Stage,
  members: readonly Contestant[],
  { ending, rounds }: { ending: Ending; rounds: number },
): Promise<Storm> {
  const seen: Storm[] = [];
  for (let round = 0; round < rounds; round += 1) {
    seen.push(await storm(stage, members, { ending, name: `storm-${ending}-${round}` }));
  }
  return {
    refreshes: Math.max(...seen.map(({ refreshes }) => refreshes)),
    failures: Math.max(...seen.map(({ failures }) => failures)),
    p99: median(seen.map(({ p99 }) => p99)),
  };
}

async function storm(
  { provider }: Stage,
  members: readonly Contestant[],
  { ending, name }: { ending: Ending; name: string },
): Promise<Storm> {
  const [first] = members;
  if (first === undefined) throw new Error('nobody to call');
  const life = ending === 'clock' ? SHORT_LIFE_SECONDS : LONG_LIFE_SECONDS;
  await provider.order({ accessTokenSeconds: life, tokenDelayMs: 0 });
  const { cookie } = await signIn(first, name);
  if (ending === 'clock') await delay(SHORT_LIFE_SECONDS * 1_000 + 100);
  const settings = { accessTokenSeconds: LONG_LIFE_SECONDS, tokenDelayMs: TOKEN_DELAY_MS };
  await provider.order({ ...settings, reset: true, expireAll: ending === 'early' });
  const share = CALLS / members.length;
  const requests = [getRequest(first.spec.gatewayPath, cookie)];
  const results = await Promise.all(
    members.map(({ port }) =>
      load({ port, requests, total: share, connections: share, limitMs: 20_000 }),
    ),
  );
  const { refreshes, tokenMsAverage } = await provider.order({ tokenDelayMs: 0 });
  const good = results.reduce((sum, { statuses }) => sum + (statuses.get(200) ?? 0), 0);
  const slow = percentile(
    results.flatMap(({ latencies }) => latencies),
    0.99,
  );
  return { refreshes, failures: CALLS - good, p99: slow / (tokenMsAverage || TOKEN_DELAY_MS) };
}

function figureOf(storm: Storm, at: { ending: Ending; processes: number; others: string }): Figure {
  const { refreshes, failures, p99 } = storm;
  const processes = at.processes === 1 ? '1 process' : `${at.processes} processes`;
  return {
    name: `${CALLS} parallel calls at expiry (${ENDINGS[at.ending]}), ${processes}`,
    wanted: '1 refresh, 0 failures, p99 ≤ 2 × token endpoint',
    measured: textOf(storm),
    reached: refreshes === 1 && failures === 0 && p99 <= 2,
    others: at.others,
  };
}

function textOf({ refreshes, failures, p99 }: Storm): string {
  return `${refreshes} refresh${refreshes === 1 ? '' : 'es'}, ${failures} failures, ${p99.toFixed(2)} ×`;
}
