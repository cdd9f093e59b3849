import { readArguments } from '../../src/cli/arguments.js';
import type { CommandWaits } from '../../src/cli/command.js';
import { runCommand } from '../../src/cli/run.js';
import type { Config } from '../../src/config.js';
import { sealingKey } from './seeded-grants.js';

export interface Ran {
  readonly ended: 'done' | 'failed';
  /** Standard output. */
  readonly printed: string;
  /** Standard error. */
  readonly said: string;
}

/** What people give Redis, Fullscript and other processes time for, which no test needs. */
const WITHOUT_WAITING: CommandWaits = { revocationRetryMs: 20, lookAgainMs: 60 };

/**
 * Runs a command of the command line in this process, as a shell without a terminal would.
 *
 * @param config what the command needs of it.
 */
export async function runLine(
  args: readonly string[],
  config: Partial<Config>,
  how: { readonly signal?: AbortSignal; readonly waits?: CommandWaits } = {},
): Promise<Ran> {
  const { signal = new AbortController().signal } = how;
  const waits = { ...WITHOUT_WAITING, ...how.waits };
  const line = readArguments(args);
  if (line.help !== undefined) throw new Error('that is a question for help');
  const [printed, said]: [string[], string[]] = [[], []];
  const print = (text: string) => void printed.push(text);
  const terminal = { write: (text: string) => void said.push(text) };
  // An empty store takes any key.
  const sealingKeys = [sealingKey('any')] as const;
  const readConfig = () => ({ sealingKeys, ...config }) as Config;
  const ended = await runCommand({ line, readConfig, print, terminal, signal, waits });
  return { ended, printed: printed.join('\n'), said: said.join('').trimEnd() };
}
