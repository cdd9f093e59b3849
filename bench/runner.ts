import { type TcpRedis, startTcpRedis } from '../test/support/redis-tcp.js';
import { type Contestant, launch, untilServing } from './contestant.js';
import type { Measure, Outcome, Stage } from './measure.js';
import { startProvider } from './provider-process.js';

export interface MeasureResult extends Outcome {
  readonly measure: Measure;
  readonly seconds: number;
  /** Why it did not come to an end, if it did not. */
  readonly problem?: string;
}

/** Runs one measure to its end; one that fails is one that missed. Whatever it started is stopped. */
export async function runMeasure(
  measure: Measure,
  { short }: { short: boolean },
): Promise<MeasureResult> {
  const startedAt = performance.now();
  const { stage, close } = await openStage(short);
  try {
    const outcome = await measure.run(stage).catch((error: unknown) => failed(measure, error));
    return { ...outcome, measure, seconds: (performance.now() - startedAt) / 1000 };
  } finally {
    await close();
  }
}

async function openStage(short: boolean): Promise<{ stage: Stage; close: () => Promise<void> }> {
  const provider = await startProvider();
  const contestants: Contestant[] = [];
  const stores: TcpRedis[] = [];
  const startRedis = async () => {
    const redis = await startTcpRedis();
    stores.push(redis);
    return redis;
  };
  const start: Stage['start'] = async (spec, options = {}) => {
    const redis = options.redis ?? (spec.usesRedis ? await startRedis() : undefined);
    const contestant = await launch(spec, { ...options, provider, redis });
    contestants.push(contestant);
    await untilServing(contestant);
    return contestant;
  };
  const close = async () => {
    await Promise.all(contestants.map(({ program }) => program.stop()));
    await Promise.all([provider.stop(), ...stores.map((redis) => redis.stop())]);
  };
  return { stage: { short, provider, start, startRedis }, close };
}

function failed({ name }: Measure, error: unknown): Omit<MeasureResult, 'measure' | 'seconds'> {
  const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const measured = `did not finish: ${problem.split('\n')[0] ?? ''}`;
  const figure = { name, wanted: 'an end', measured, reached: false, others: '' };
  return { figures: [figure], problem };
}
