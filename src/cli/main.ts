#!/usr/bin/env node
import { readConfig } from '../environment.js';
import { readArguments } from './arguments.js';
import { UsageError } from './command.js';
import { runCommand } from './run.js';

const EXIT_FAILURE = 1;
/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64;
/** As shells report a process that a signal ended. */
const EXIT_SIGNALS = { SIGINT: 130, SIGTERM: 143 };

type Signal = keyof typeof EXIT_SIGNALS;

const print = (text: string) => void process.stdout.write(`${text}\n`);
const say = (text: string) => void process.stderr.write(`${text}\n`);

/** Aborts at the first signal; the second is somebody losing patience. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(EXIT_SIGNALS[signal as Signal]);
    say('\nstopping: finishing what is under way');
    stop.abort(signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stop.signal;
}

/** Aborts when nobody reads on, as before `head`: that is no failure, and there is nobody to tell. */
function stopWithoutReader(): AbortSignal {
  const stop = new AbortController();
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stop.abort();
  };
  process.stdout.on('error', onError);
  process.stderr.on('error', onError);
  return stop.signal;
}

async function main(): Promise<void> {
  const unread = stopWithoutReader();
  const line = readArguments(process.argv.slice(2));
  if (line.help !== undefined) {
    process.stdout.write(line.help);
    return;
  }
  // Where nothing heeds the signal, Node ends at once, as every other program does.
  const signal = line.command.stoppable ? stopOnSignals() : new AbortController().signal;
  const ended = await runCommand({
    ...{ line, print, terminal: process.stderr },
    // Secrets that a command made in the wrong folder would open nothing.
    readConfig: () => readConfig({ dry: true }),
    // What changes something is seen through without anybody who reads.
    signal: line.command.endless ? AbortSignal.any([signal, unread]) : signal,
  });
  if (signal.aborted && !line.command.endless)
    process.exitCode = EXIT_SIGNALS[signal.reason as Signal];
  else if (ended === 'failed') process.exitCode = EXIT_FAILURE;
}

try {
  await main();
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) {
    say(`${reason}\nSee fullscript-connect --help`);
    process.exitCode = EXIT_USAGE;
  } else {
    say(`fullscript-connect failed: ${reason}`);
    process.exitCode = EXIT_FAILURE;
  }
}

// All is said. A name server that does not answer is waited for by nobody.
setTimeout(() => process.exit(), 1_000).unref();
