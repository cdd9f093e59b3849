import {
  type ContestantSpec,
  GOT_PROXY,
  OURS,
  PEERS_OF_OURS,
  UNDICI_PROXY,
} from '../contestants.js';
import { atLeast, atMost, sideBySide } from '../figures.js';
import type { Figure, Measure } from '../measure.js';
import { medianRatio } from '../statistics.js';
import { type Measured, compareRequests, pick } from './request-costs.js';

const FLOORS = [UNDICI_PROXY, GOT_PROXY];

/** A call of the API with the user's token, through the contestant. */
export const gateway: Measure = {
  name: 'gateway',
  run: async (stage) => {
    const specs = [OURS, ...PEERS_OF_OURS, ...FLOORS];
    const measured = await compareRequests(stage, { specs, scene: 'gateway call' });
    return {
      figures: [cpuFigure(measured), throughputFigure(measured)],
      costs: measured.map(({ cost }) => cost),
    };
  },
};

function cpuFigure(measured: readonly Measured[]): Figure {
  // The proxy on the HTTP client that this server uses.
  const floor: ContestantSpec = UNDICI_PROXY;
  const ratioTo = (spec: ContestantSpec) =>
    medianRatio(pick(measured, OURS).rounds.cpu, pick(measured, spec).rounds.cpu);
  const rest = measured.map(({ spec }) => spec).filter((spec) => spec !== OURS && spec !== floor);
  const value = ratioTo(floor);
  return atMost(1.5, {
    name: `gateway call, CPU against the bare ${floor.name}`,
    value,
    text: value.toFixed(2),
    others: sideBySide(rest.map((spec) => [`against ${spec.name}`, ratioTo(spec).toFixed(2)])),
  });
}

/** The best is the one that this server is ahead of by the least. */
function throughputFigure(measured: readonly Measured[]): Figure {
  const own = pick(measured, OURS).rounds.perSecond;
  const ratios = PEERS_OF_OURS.map((spec) => {
    const ratio = medianRatio(own, pick(measured, spec).rounds.perSecond);
    return { spec, ratio };
  });
  const value = Math.min(...ratios.map(({ ratio }) => ratio));
  return atLeast(1.5, {
    name: 'gateway throughput against the best peer',
    value,
    text: value.toFixed(2),
    others: sideBySide(ratios.map(({ spec, ratio }) => [`against ${spec.name}`, ratio.toFixed(2)])),
  });
}
