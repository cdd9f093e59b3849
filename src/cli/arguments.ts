import { parseArgs } from 'node:util';
import { type Command, type Subject, UsageError } from './command.js';
import { SESSION_COMMANDS } from './session-commands.js';
import { USER_COMMANDS } from './user-commands.js';
import { USER_SHAPE, parseUserName } from './user-name.js';

export type CommandLine =
  | { readonly help: true }
  | {
      readonly help: false;
      readonly command: Command;
      readonly subject: Subject;
      readonly json: boolean;
    };

const COMMANDS: readonly Command[] = [...SESSION_COMMANDS, ...USER_COMMANDS];

export const HELP = `Administers sessions and users of a running installation.

Usage: fullscript-connect <command> [options]
       npm run cli -- <command> [options]
       node dist/cli/main.js <command> [options]

Commands:
${COMMANDS.map(commandLine).join('\n')}

A user is <registration>/<type>/<id>: us-sandbox/Practitioner/1234. The id may hold anything, slashes too.
It reads the server's own configuration, from the environment and from .env, and works on its Redis:
servers may run meanwhile, and notice at once.

Options:
  --all   everybody (sessions end)
  --json  the result as one JSON object on standard output
  --help  this text

Examples:
  fullscript-connect sessions list us-production/Staff/8d1c
  fullscript-connect sessions end us-production/Staff/8d1c
  fullscript-connect sessions end --all
  fullscript-connect users disable us-production/Staff/8d1c
  fullscript-connect users disabled --json | jq -r '.users[]'
  docker compose exec app node dist/cli/main.js users enable us-production/Staff/8d1c

Exit code: 0 done; 1 Redis failed, or there is none; 64 wrong use; 78 the configuration is wrong.
`;

function commandLine({ name, takes, does }: Command): string {
  return `  ${`${name} ${takes}`.padEnd(28)}  ${does}`;
}

/** @throws UsageError that says what is wrong. */
export function readArguments(args: readonly string[]): CommandLine {
  const { values, positionals } = parsed(args);
  if (values.help) return { help: true };
  const [noun, verb, ...rest] = positionals;
  if (noun === undefined) throw new UsageError('which command?');
  const command = COMMANDS.find(({ name }) => name === `${noun} ${verb ?? ''}`);
  if (command === undefined) throw new UsageError(unknown(noun, verb));
  const subject = subjectOf(rest, values.all);
  const kind = typeof subject === 'object' ? 'user' : subject;
  if (!command.about.includes(kind)) throw new UsageError(usageOf(command));
  return { help: false, command, subject, json: values.json };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        all: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
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

function usageOf({ name, takes }: Command): string {
  const who = takes === '' ? ', with nobody named' : ` ${takes}, where ${USER_SHAPE}`;
  return `it is used like this: ${name}${who}`;
}

function unknown(noun: string, verb: string | undefined): string {
  const siblings = COMMANDS.filter(({ name }) => name.startsWith(`${noun} `));
  if (siblings.length === 0) return 'there is no such command';
  const names = siblings.map(({ name }) => name).join(', ');
  return verb === undefined ? `which of ${names}?` : `there is no such command: ${names} are there`;
}
