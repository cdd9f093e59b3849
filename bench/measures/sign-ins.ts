import { type Lane, alternate } from '../alternate.js';
import type { Contestant } from '../contestant.js';
import { OURS, PEERS_OF_OURS } from '../contestants.js';
import { atLeast, sideBySide } from '../figures.js';
import type { Measure } from '../measure.js';
import { signInUsers } from '../sign-in.js';
import { median, medianRatio } from '../statistics.js';

const A_ROUND = 40;
const WARM_UP = 5;
/** All of them come from one address here, which is what this limit is against. */
const NO_LIMIT = { RATE_LIMIT_OAUTH: '0' };

/** Whole sign-ins, each of a new user: the start, the consent, the callback. */
export const signIns: Measure = {
  name: 'sign-ins',
  run: async (stage) => {
    const lanes: Lane[] = [];
    for (const spec of [OURS, ...PEERS_OF_OURS]) {
      lanes.push(signInLane(await stage.start(spec, { env: NO_LIMIT })));
    }
    const rounds = await alternate(lanes, { rounds: stage.short ? 5 : 15, warmUp: WARM_UP });
    const [own = { cpu: [], perSecond: [] }, ...others] = rounds;
    const peers = PEERS_OF_OURS.map(({ name }, at) => {
      const cpu = others[at]?.cpu ?? [];
      // More sign-ins for the same CPU: the other way round than the CPU of a sign-in.
      return { name, aSecond: perSecond(cpu), ratio: medianRatio(cpu, own.cpu) };
    });
    const value = Math.min(...peers.map(({ ratio }) => ratio));
    const figure = atLeast(1, {
      name: 'sign-ins for a second of CPU against the best peer (without a limit by address)',
      value,
      text: `${value.toFixed(2)} (${perSecond(own.cpu).toFixed(0)})`,
      others: sideBySide(
        peers.map(({ name, aSecond, ratio }) => [
          `against ${name}`,
          `${ratio.toFixed(2)} (${aSecond.toFixed(0)})`,
        ]),
      ),
    });
    return { figures: [figure] };
  },
};

const perSecond = (cpu: readonly number[]) => 1_000_000 / median(cpu);

function signInLane(contestant: Contestant): Lane {
  let round = 0;
  const work = async () => {
    round += 1;
    await signInUsers(contestant, { count: A_ROUND, prefix: `round-${round}` });
    return A_ROUND;
  };
  return { contestant, work };
}
