import {
  BARE_EXPRESS,
  type ContestantSpec,
  OPENID_CONNECT,
  OURS,
  PEERS_OF_OURS,
  SESSION_FLOOR,
  SESSION_FLOOR_IOREDIS,
} from '../contestants.js';
import { atMost, sideBySide } from '../figures.js';
import type { Figure, Measure } from '../measure.js';
import { medianRatio } from '../statistics.js';
import { type Measured, compareRequests, pick } from './request-costs.js';

const FLOORS = [BARE_EXPRESS, SESSION_FLOOR, SESSION_FLOOR_IOREDIS];
const NAME = 'signed-in request';

/** A request of somebody signed in that needs the token and calls nobody. */
export const signedInRequest: Measure = {
  name: 'signed-in-request',
  run: async (stage) => {
    const specs = [OURS, ...PEERS_OF_OURS, ...FLOORS];
    const measured = await compareRequests(stage, { specs, scene: NAME });
    return {
      figures: [...cpuFigures(measured), ...redisFigures(measured)],
      costs: measured.map(({ cost }) => cost),
    };
  },
};

function cpuFigures(measured: readonly Measured[]): Figure[] {
  const ratioTo = (spec: ContestantSpec) =>
    medianRatio(pick(measured, OURS).rounds.cpu, pick(measured, spec).rounds.cpu);
  const against = (limit: number, spec: ContestantSpec, others: readonly ContestantSpec[]) => {
    const value = ratioTo(spec);
    return atMost(limit, {
      name: `${NAME}, CPU against ${spec.name}`,
      value,
      text: value.toFixed(2),
      others: sideBySide(others.map((one) => [`against ${one.name}`, ratioTo(one).toFixed(2)])),
    });
  };
  return [
    against(1.25, SESSION_FLOOR, [SESSION_FLOOR_IOREDIS, BARE_EXPRESS]),
    against(
      0.8,
      OPENID_CONNECT,
      PEERS_OF_OURS.filter((spec) => spec !== OPENID_CONNECT),
    ),
  ];
}

/**
 * Above the whole number comes what many requests share: the counts of calls, added once a second, and the
 * life of a session, prolonged once a minute.
 */
function redisFigures(measured: readonly Measured[]): Figure[] {
  const { redis } = pick(measured, OURS).cost;
  if (redis === undefined) throw new Error('this server has a Redis');
  const figure = (
    kind: 'commands' | 'writes' | 'roundTrips',
    { wanted, allowed, more = '' }: { wanted: string; allowed: number; more?: string },
  ): Figure => ({
    name: `${NAME}, Redis ${kind === 'roundTrips' ? 'round trips' : kind}`,
    wanted,
    measured: `${redis[kind].toFixed(2)}${more}`,
    reached: redis[kind] <= allowed,
    others: sideBySide(
      measured
        .filter(({ spec, cost }) => spec !== OURS && cost.redis !== undefined)
        .map(({ spec, cost }) => [spec.name, cost.redis?.[kind].toFixed(2) ?? '']),
    ),
  });
  const of = ` (${redis.usual.map((name) => name.toUpperCase()).join(' and ')} of each request)`;
  return [
    figure('commands', { wanted: '≤ 2', allowed: 2.05, more: of }),
    figure('writes', { wanted: '0', allowed: 0.05, more: ' (what many requests share)' }),
    figure('roundTrips', { wanted: '1', allowed: 1.1 }),
  ];
}
