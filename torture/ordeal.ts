import type { RedisGroup } from '../test/support/redis-group.js';
import type { Fleet, FleetOn, FleetOptions } from './fleet.js';
import type { Random } from './random.js';

/** One trial: what it does is in `run`, what it must reach is in the title. */
export interface Ordeal {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  readonly run: (stage: OrdealStage) => Promise<Outcome>;
}

export interface OrdealStage {
  /** The version for CI; the long one is for releases. */
  readonly short: boolean;
  readonly random: Random;
  /** Opens processes, Redis and simulator; they are closed when the ordeal ends. */
  readonly open: (options: FleetOptions) => Promise<Fleet>;
  /** The same on a group of servers, which is stopped with it. */
  readonly openOn: (group: RedisGroup, options: FleetOptions) => Promise<FleetOn>;
}

export interface Outcome {
  readonly rounds: number;
  /** What was measured, in a few words. */
  readonly figure: string;
  /** What was not as it must be; none means reached. */
  readonly misses: readonly string[];
}
