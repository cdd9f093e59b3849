import { type ContestantSpec, OURS, PEERS_OF_OURS } from '../contestants.js';
import { atMost, sideBySide } from '../figures.js';
import type { Measure, Stage } from '../measure.js';
import { median } from '../statistics.js';

const LIMIT_S = 1;

/** From the start of the process to its first good answer, with Redis there. */
export const start: Measure = {
  name: 'start',
  run: async (stage) => {
    const times = stage.short ? 3 : 7;
    const paths = ['/livez', '/'];
    const peers: [string, string][] = [];
    for (const spec of PEERS_OF_OURS) {
      peers.push([spec.name, secondsText(await startTime(stage, { spec, path: '/', times }))]);
    }
    const figures = [];
    for (const path of paths) {
      const value = await startTime(stage, { spec: OURS, path, times });
      figures.push(
        atMost(LIMIT_S, {
          name: `start to the first answer of GET ${path}`,
          ...{ value, text: secondsText(value), unit: ' s' },
          others: path === '/' ? sideBySide(peers) : '',
        }),
      );
    }
    return { figures };
  },
};

const secondsText = (seconds: number) => `${seconds.toFixed(2)} s`;

/** The median, in seconds. */
async function startTime(
  stage: Stage,
  { spec, path, times }: { spec: ContestantSpec; path: string; times: number },
): Promise<number> {
  const redis = await stage.startRedis();
  const took: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const from = performance.now();
    const { program } = await stage.start({ ...spec, readyPath: path }, { redis });
    took.push((performance.now() - from) / 1_000);
    await program.stop();
  }
  return median(took);
}
