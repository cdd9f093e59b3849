import { readArguments } from '../../src/cli/arguments.js';
import { runCommand } from '../../src/cli/run.js';
import type { Config } from '../../src/config.js';

export interface Ran {
  readonly ended: 'done' | 'failed';
  /** Standard output. */
  readonly printed: string;
  /** Standard error. */
  readonly said: string;
}

/**
 * Runs a command of the command line in this process, as a shell without a terminal would.
 *
 * @param config what the command needs of it.
 */
export async function runLine(
  args: readonly string[],
  config: Partial<Config>,
  signal: AbortSignal = new AbortController().signal,
): Promise<Ran> {
  const line = readArguments(args);
  if (line.help !== undefined) throw new Error('that is a question for help');
  const [printed, said]: [string[], string[]] = [[], []];
  const print = (text: string) => void printed.push(text);
  const terminal = { write: (text: string) => void said.push(text) };
  const readConfig = () => config as Config;
  const ended = await runCommand({ line, readConfig, print, terminal, signal });
  return { ended, printed: printed.join('\n'), said: said.join('').trimEnd() };
}
