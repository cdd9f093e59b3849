import { readConfig } from '../environment.js';
import { HELP, type RotationArguments, readArguments } from './arguments.js';
import { runRotation } from './run.js';

const EXIT_FAILURE = 1;
/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64;
/** As shells report a process that a signal ended. */
const EXIT_SIGNALS = { SIGINT: 130, SIGTERM: 143 };

type Signal = keyof typeof EXIT_SIGNALS;

function argumentsOrExit(): RotationArguments {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${HELP}`);
    process.exit(EXIT_USAGE);
  }
}

/** Aborts at the first signal; the second is somebody losing patience. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(EXIT_SIGNALS[signal as Signal]);
    process.stderr.write('\nstopping: finishing what is under way\n');
    stop.abort(signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stop.signal;
}

async function main(): Promise<void> {
  const options = argumentsOrExit();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const config = readConfig();
  const signal = stopOnSignals();
  const print = (text: string) => void process.stdout.write(`${text}\n`);
  const ended = await runRotation({ config, options, terminal: process.stderr, print, signal });
  if (ended === 'interrupted') process.exitCode = EXIT_SIGNALS[signal.reason as Signal];
  else if (ended === 'left' || ended === 'failed') process.exitCode = EXIT_FAILURE;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`keys:rotate failed: ${messageOf(error)}\n`);
  process.exitCode = EXIT_FAILURE;
}
