import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Ordeal } from './ordeal.js';
import { callbackAgain } from './ordeals/callback-again.js';
import { clocks } from './ordeals/clocks.js';
import { disconnect } from './ordeals/disconnect.js';
import { expiry } from './ordeals/expiry.js';
import { freezeRedis } from './ordeals/freeze-redis.js';
import { killImmediate, killOnUse } from './ordeals/kill-process.js';
import { killRedis } from './ordeals/kill-redis.js';
import { clusterMasterLoss, sentinelFailover } from './ordeals/failover.js';
import { noWrites } from './ordeals/no-writes.js';
import { oneUserFloods } from './ordeals/one-user-floods.js';
import { pausedHolder } from './ordeals/paused-holder.js';
import { pausedSignIn } from './ordeals/paused-sign-in.js';
import { rollingRestart } from './ordeals/rolling-restart.js';
import { tokenEndpoint } from './ordeals/token-endpoint.js';
import { type Row, renderTable, runOrdeal } from './runner.js';

const ORDEALS: readonly Ordeal[] = [
  expiry,
  killOnUse,
  killImmediate,
  killRedis,
  freezeRedis,
  noWrites,
  sentinelFailover,
  clusterMasterLoss,
  tokenEndpoint,
  rollingRestart,
  disconnect,
  pausedHolder,
  pausedSignIn,
  callbackAgain,
  clocks,
  oneUserFloods,
];
const MOST_MISSES_SHOWN = 10;
const EXIT_MISSED = 1;
const EXIT_USAGE = 64;

function say(text: string): void {
  process.stdout.write(text);
}

function settings() {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string' },
    },
  });
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  const chosen = ORDEALS.filter(
    ({ name }) => values.only.length === 0 || values.only.includes(name),
  );
  const strange = values.only.filter((name) => !ORDEALS.some((ordeal) => ordeal.name === name));
  if (strange.length > 0 || !Number.isSafeInteger(seed)) {
    const names = ORDEALS.map(({ name }) => name).join(', ');
    say(
      `usage: npm run torture -- [--short] [--only <name>]… [--seed <integer>]\nnames: ${names}\n`,
    );
    process.exit(EXIT_USAGE);
  }
  return { short: values.short, seed, chosen };
}

function sayMisses({ ordeal, misses, logs = '' }: Row): void {
  if (misses.length === 0) return;
  say(`\n${ordeal.name} missed (logs in ${logs}):\n`);
  for (const miss of misses.slice(0, MOST_MISSES_SHOWN)) say(`  - ${miss}\n`);
  const more = misses.length - MOST_MISSES_SHOWN;
  if (more > 0) say(`  - and ${more} more\n`);
}

async function main(): Promise<void> {
  const { short, seed, chosen } = settings();
  say(`torture, ${short ? 'short' : 'long'}, seed ${seed}\n`);
  const rows: Row[] = [];
  for (const ordeal of chosen) {
    say(`${ordeal.name} … `);
    const row = await runOrdeal(ordeal, { short, seed });
    say(
      `${row.misses.length === 0 ? 'reached' : 'MISSED'}: ${row.figure} (${row.seconds.toFixed(0)} s)\n`,
    );
    rows.push(row);
  }
  say(`\n${renderTable(rows)}`);
  rows.forEach(sayMisses);
  // Exits by itself otherwise only when nothing was left behind; a stuck ordeal leaves things behind.
  process.exit(rows.some(({ misses }) => misses.length > 0) ? EXIT_MISSED : 0);
}

// One listener for each process and Redis that is running.
process.setMaxListeners(50);

// Whatever was started ends with this process: see the exit handlers in test/support.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

await main();
