#!/usr/bin/env node
import { readConfig } from '../environment.js';
import { HELP, readArguments } from './arguments.js';
import { UsageError } from './command.js';
import { runCommand } from './run.js';

const EXIT_FAILURE = 1;
/** EX_USAGE of sysexits.h. */
const EXIT_USAGE = 64;

const print = (text: string) => void process.stdout.write(`${text}\n`);
const say = (text: string) => void process.stderr.write(`${text}\n`);

async function main(): Promise<void> {
  const line = readArguments(process.argv.slice(2));
  if (line.help) {
    process.stdout.write(HELP);
    return;
  }
  const config = readConfig();
  const ended = await runCommand({ config, line, print, say });
  if (ended === 'failed') process.exitCode = EXIT_FAILURE;
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
