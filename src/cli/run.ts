import type { Config } from '../config.js';
import { type Terminal, createProgress } from '../terminal/progress.js';
import type { CommandLine } from './arguments.js';
import type { CommandCall, CommandWaits, Outcome } from './command.js';
import { runOnStore } from './run-on-store.js';

export interface RunDeps {
  readonly line: Extract<CommandLine, { help?: undefined }>;
  /** The server's own; asked for by commands that cannot do without. */
  readonly readConfig: () => Config;
  /** For the result. */
  readonly print: (text: string) => void;
  /** For trouble and progress. */
  readonly terminal: Terminal;
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal;
  readonly waits?: CommandWaits;
}

/** Runs one command, and prints what came of it. */
export async function runCommand(deps: RunDeps): Promise<'done' | 'failed'> {
  const { line, print, terminal, signal, waits = {} } = deps;
  const progress = createProgress({ terminal, now: () => performance.now() });
  const { say } = progress;
  const { subject, options, json } = line;
  const typed = { subject, options, json };
  const outcome = await run(deps, { ...typed, print, say, progress, terminal, signal, waits });
  progress.end();
  if (outcome === undefined) return 'failed';
  const text = resultText(outcome, line.json);
  if (text !== '') print(text);
  return outcome.failed === true ? 'failed' : 'done';
}

async function run({ line, readConfig }: RunDeps, call: CommandCall): Promise<Outcome | undefined> {
  const { command } = line;
  if (command.needs === 'nothing') return command.run(call);
  const config = readConfig();
  if (command.needs === 'config') return command.run(config, call);
  return runOnStore({ config, command, call });
}

function resultText({ json, lines }: Outcome, asJson: boolean): string {
  if (asJson) return json === undefined ? '' : JSON.stringify(json);
  return lines.join('\n');
}
