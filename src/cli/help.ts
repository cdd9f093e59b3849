import type { Command, CommandOption } from './command.js';
import { COMMANDS } from './commands.js';

const PROGRAM = 'fullscript-connect';
const EVERYWHERE: Readonly<Record<string, CommandOption>> = {
  json: { does: 'the result as JSON on standard output' },
  help: { does: 'this text' },
};

const USERS = `A user is <registration>/<type>/<id>: us-sandbox/Practitioner/1234. The id may hold anything, slashes
too; quote it for the shell.`;

const EXIT_CODES = `Exit code: 0 done; 1 it failed, or what was looked at is not well; 64 wrong use; 78 the
configuration is wrong; 130 or 143 stopped by SIGINT or SIGTERM.`;

/** What there is. */
export function helpText(): string {
  return `Looks after an installation that runs.

Usage: ${PROGRAM} <command> [options]
       npm run --silent cli -- <command> [options]
       docker compose exec app node dist/cli/main.js <command> [options]

Commands:
${columns(COMMANDS.map(({ name, takes, does }) => [`${name} ${takes}`.trimEnd(), does]))}

${USERS}
Commands read the server's own configuration, from the environment and from .env, and work on its Redis:
servers may run meanwhile, and notice at once.

Options of every command:
${optionLines(EVERYWHERE)}

Examples:
${COMMANDS.flatMap(({ examples }) => examples.slice(0, 1))
  .map((example) => `  ${PROGRAM} ${example}`)
  .join('\n')}

${PROGRAM} <command> --help shows the options of one. ${EXIT_CODES}
`;
}

/** All about one command. */
export function commandHelp(command: Command): string {
  const { name, takes, does, about = [], options = {}, examples, subjects } = command;
  const parts = [
    `${does.charAt(0).toUpperCase()}${does.slice(1)}.`,
    `Usage: ${`${PROGRAM} ${name} ${takes}`.trimEnd()} [options]`,
    about.join('\n'),
    subjects.includes('user') ? USERS : '',
    `Options:\n${optionLines({ ...options, ...EVERYWHERE })}`,
    `Examples:\n${examples.map((example) => `  ${PROGRAM} ${example}`).join('\n')}`,
    EXIT_CODES,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function optionLines(options: Readonly<Record<string, CommandOption>>): string {
  return columns(
    Object.entries(options).map(([name, { value, does }]) => [
      value === undefined ? `--${name}` : `--${name} ${value}`,
      does,
    ]),
  );
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}
