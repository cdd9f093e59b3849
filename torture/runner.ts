import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FleetOn, openFleet, openFleetOn } from './fleet.js';
import type { Ordeal, Outcome } from './ordeal.js';
import { createRandom } from './random.js';

export interface Settings {
  readonly short: boolean;
  readonly seed: number;
}

export interface Row extends Outcome {
  readonly ordeal: Ordeal;
  readonly seconds: number;
  /** Where the processes' logs are, when something was missed. */
  readonly logs?: string;
}

const SHORT_LIMIT_MS = 90_000;
const LONG_LIMIT_MS = 60 * 60_000;

/** Runs one ordeal to its end; an error or a stuck one is a miss. Everything it opened is closed. */
export async function runOrdeal(ordeal: Ordeal, { short, seed }: Settings): Promise<Row> {
  const fleets: FleetOn[] = [];
  const kept = <T extends FleetOn>(fleet: T): T => {
    fleets.push(fleet);
    return fleet;
  };
  const startedAt = performance.now();
  const limit = startLimit(short ? SHORT_LIMIT_MS : LONG_LIMIT_MS);
  const random = createRandom(seed, ordeal.name);
  const running = ordeal.run({
    ...{ short, random },
    open: async (options) => kept(await openFleet(options)),
    openOn: async (group, options) => kept(await openFleetOn(group, options)),
  });
  const outcome = await Promise.race([running, limit.reached]).catch(failed);
  limit.clear();
  // One that is still running finds its processes gone and ends; nobody listens any more.
  running.catch(() => undefined);
  const logs = outcome.misses.length > 0 ? await keepLogs(ordeal, fleets) : undefined;
  await Promise.all(fleets.map((fleet) => fleet.close()));
  const seconds = (performance.now() - startedAt) / 1000;
  return { ...outcome, ordeal, seconds, ...(logs !== undefined && { logs }) };
}

function startLimit(ms: number) {
  let timer: NodeJS.Timeout | undefined;
  const reached = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms / 1000} s`)), ms);
  });
  return { reached, clear: () => clearTimeout(timer) };
}

function failed(error: unknown): Outcome {
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { rounds: 0, figure: 'did not finish', misses: [why] };
}

async function keepLogs(ordeal: Ordeal, fleets: readonly FleetOn[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `fc-torture-logs-${ordeal.name}-`));
  const members = fleets.flatMap((fleet) => fleet.members);
  await Promise.all(
    members.map((member, index) => writeFile(join(folder, `${index}.log`), member.output())),
  );
  return folder;
}

/** The rows as a table for people. */
export function renderTable(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.ordeal.title,
    String(row.rounds),
    row.figure,
    row.misses.length === 0 ? 'reached' : 'MISSED',
    row.seconds.toFixed(0),
  ]);
  const header = ['ordeal', 'rounds', 'figure', 'result', 's'];
  const widths = header.map((name, i) => Math.max(name.length, ...lines.map((l) => l[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |\n`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|\n`;
  return line(header) + rule + lines.map(line).join('');
}
