import type { TcpRedis } from '../test/support/redis-tcp.js';
import type { Contestant, StartOptions } from './contestant.js';
import type { ContestantSpec } from './contestants.js';
import type { ProviderProcess } from './provider-process.js';
import type { UsePerRequest } from './redis-stats.js';

/** One thing that is measured. */
export interface Measure {
  /** For `--only`. */
  readonly name: string;
  readonly run: (stage: Stage) => Promise<Outcome>;
}

export interface Stage {
  /** Fewer rounds, for a quick look. */
  readonly short: boolean;
  readonly provider: ProviderProcess;
  /** Starts one with a Redis of its own where it needs one; it is stopped when the measure ends. */
  readonly start: (spec: ContestantSpec, options?: StartOptions) => Promise<Contestant>;
  /** A Redis for several of them. */
  readonly startRedis: () => Promise<TcpRedis>;
}

export interface Outcome {
  readonly figures: readonly Figure[];
  /** For the tables and the chart, where contestants are compared request by request. */
  readonly costs?: readonly Cost[];
}

/** A line of the first table. */
export interface Figure {
  readonly name: string;
  /** The figure to reach, in words; empty: only shown. */
  readonly wanted: string;
  readonly measured: string;
  /** Undefined: only shown. */
  readonly reached: boolean | undefined;
  /** The same of the others, in words. */
  readonly others: string;
}

export type Scene = 'signed-in request' | 'gateway call';

/** What a request costs with one contestant. */
export interface Cost {
  readonly scene: Scene;
  readonly name: string;
  readonly kind: ContestantSpec['kind'];
  readonly cpuMicroseconds: number;
  readonly perSecond: number;
  /** Undefined where there is no Redis. */
  readonly redis: UsePerRequest | undefined;
  readonly rssBytes: number;
}
