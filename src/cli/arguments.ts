import { parseArgs } from 'node:util';
import { type Command, type CommandCall, type Subject, UsageError } from './command.js';
import { COMMANDS } from './commands.js';
import { commandHelp, helpText } from './help.js';
import { USER_SHAPE, parseUserName } from './user-name.js';

export type CommandLine =
  | { readonly help: string }
  | (Pick<CommandCall, 'subject' | 'options' | 'json'> & {
      readonly help?: undefined;
      readonly command: Command;
    });

const HELP_FLAGS = new Set(['--help', '-h']);
const FLAGS = new Set(['--json', ...HELP_FLAGS]);

/** @throws UsageError that says what is wrong. */
export function readArguments(args: readonly string[]): CommandLine {
  const start = args.findIndex((arg) => !FLAGS.has(arg));
  const flags = start === -1 ? args : args.slice(0, start);
  const words = start === -1 ? [] : args.slice(start);
  const command = named(words);
  const wantsHelp = [...flags, ...words].some((arg) => HELP_FLAGS.has(arg));
  if (wantsHelp) return { help: command === undefined ? helpText() : commandHelp(command) };
  if (command === undefined) throw new UsageError(unknown(words));
  const rest = [...flags, ...words.slice(command.name.split(' ').length)];
  const { values, positionals } = parsed(rest, command);
  const { json, ...options } = values;
  // What "nobody" is about is no user, however it is spelt.
  if (positionals.length > 0 && !command.subjects.includes('user')) {
    throw new UsageError(usageOf(command));
  }
  const subject = subjectOf(positionals, values['all'] === true);
  const kind = typeof subject === 'object' ? 'user' : subject;
  if (!command.subjects.includes(kind)) throw new UsageError(usageOf(command));
  return { command, subject, options, json: json === true };
}

function named(words: readonly string[]): Command | undefined {
  const [first = '', second = ''] = words;
  return COMMANDS.find(({ name }) => name === `${first} ${second}` || name === first);
}

type Parsed = Pick<CommandCall, 'options'>['options'];

function parsed(
  args: string[],
  command: Command,
): { readonly values: Parsed; readonly positionals: readonly string[] } {
  const own = Object.entries(command.options ?? {}).map(([name, { value }]) => {
    return [name, { type: value === undefined ? 'boolean' : 'string' }] as const;
  });
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { ...Object.fromEntries(own), json: { type: 'boolean' } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function subjectOf(users: readonly string[], all: boolean): Subject {
  const [user, ...more] = users;
  if (more.length > 0) throw new UsageError('one user at a time, please; quote an id with spaces');
  if (user === undefined) return all ? 'all' : 'none';
  if (all) throw new UsageError('one user or --all, not both');
  return { user: parseUserName(user) };
}

function usageOf({ name, takes, subjects }: Command): string {
  if (!subjects.includes('user')) return `it is used like this: ${name}, with nobody named`;
  return `it is used like this: ${name} ${takes}, where ${USER_SHAPE}`;
}

function unknown([noun, verb]: readonly string[]): string {
  if (noun === undefined) return 'which command?';
  const siblings = COMMANDS.filter(({ name }) => name.startsWith(`${noun} `));
  if (siblings.length === 0) return 'there is no such command';
  const names = siblings.map(({ name }) => name).join(', ');
  return verb === undefined ? `which of ${names}?` : `there is no such command: ${names} are there`;
}
