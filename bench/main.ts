import { parseArgs } from 'node:util';
import { renderChart } from './chart.js';
import { moveAside } from './cores.js';
import { writeDocument } from './document.js';
import { describeMachine } from './machine.js';
import type { Measure } from './measure.js';
import { expiryStorm } from './measures/expiry-storm.js';
import { gateway } from './measures/gateway.js';
import { manyGrants } from './measures/many-grants.js';
import { memory } from './measures/memory.js';
import { redisFrozen } from './measures/redis-frozen.js';
import { signIns } from './measures/sign-ins.js';
import { signedInRequest } from './measures/signed-in-request.js';
import { start } from './measures/start.js';
import { storage } from './measures/storage.js';
import { tenTabs } from './measures/ten-tabs.js';
import { installPeers } from './peer-packages.js';
import { costChart, costTables, figureTable } from './report.js';
import { type MeasureResult, runMeasure } from './runner.js';

const MEASURES: readonly Measure[] = [
  signedInRequest,
  gateway,
  expiryStorm,
  tenTabs,
  redisFrozen,
  signIns,
  storage,
  manyGrants,
  memory,
  start,
];
const EXIT_MISSED = 1;
const EXIT_USAGE = 64;

function say(text: string): void {
  process.stdout.write(text);
}

function settings() {
  const { values } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      short: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const { only, ...flags } = values;
  const chosen = MEASURES.filter(({ name }) => only.length === 0 || only.includes(name));
  const isStrange = only.some((name) => !MEASURES.some((measure) => measure.name === name));
  // What is written is of one run.
  if (isStrange || (flags.write && only.length > 0)) {
    const names = MEASURES.map(({ name }) => name).join(', ');
    say(
      `usage: npm run bench -- [--check] [--short] [--write | --only <name>…]\nnames: ${names}\n`,
    );
    process.exit(EXIT_USAGE);
  }
  return { ...flags, chosen };
}

function sayResult({ figures, seconds, problem }: MeasureResult): void {
  say(`${seconds.toFixed(0)} s\n`);
  for (const { name, measured, reached } of figures) {
    say(`  ${reached === false ? 'MISSED ' : ''}${name}: ${measured}\n`);
  }
  if (problem !== undefined) say(`${problem}\n`);
}

async function main(): Promise<void> {
  const { check, short, write, chosen } = settings();
  installPeers(say);
  moveAside();
  const machine = describeMachine();
  say(`${machine}\n`);
  const results: MeasureResult[] = [];
  for (const measure of chosen) {
    say(`${measure.name} … `);
    const result = await runMeasure(measure, { short });
    sayResult(result);
    results.push(result);
  }
  const figures = results.flatMap((result) => result.figures);
  const costs = results.flatMap((result) => result.costs ?? []);
  const text = [`${machine}.`, figureTable(figures), costTables(costs)].join('\n\n');
  say(`\n${text}`);
  if (write) writeDocument({ results: text, chart: renderChart(costChart(costs)) });
  const missed = figures.some(({ reached }) => reached === false);
  process.exit(check && missed ? EXIT_MISSED : 0);
}

// One listener for each process and Redis that is running.
process.setMaxListeners(100);

// Whatever was started ends with this process: see the exit handlers of what starts it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

await main();
