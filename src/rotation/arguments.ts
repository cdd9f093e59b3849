import { parseArgs } from 'node:util';

export interface RotationArguments {
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

export const HELP = `Seals every stored grant anew that is not sealed with the first key of TOKEN_ENCRYPTION_KEYS.

Usage: npm run keys:rotate -- [options]
       node dist/rotation/main.js [options]

It reads the server's own configuration, from the environment and from .env. Servers may run
meanwhile. It can be stopped with Ctrl-C and started again: it goes on where it was.

Options:
  --dry-run  only count the grants by key; change nothing
  --json     the result as one JSON object on standard output
  --help     this text

Examples:
  npm run keys:rotate                               reseal, with a progress bar
  npm run keys:rotate -- --dry-run                  which key is needed by how many grants?
  docker compose exec app node dist/rotation/main.js
  node dist/rotation/main.js --json 2>/dev/null | jq -r .removeAfter

Exit code: 0 every grant is sealed with the first key; 1 another key is still needed, or Redis failed;
64 unknown option; 78 the configuration is wrong; 130 or 143 stopped by SIGINT or SIGTERM.
`;

/** @throws Error that says which argument is not known. */
export function readArguments(args: readonly string[]): RotationArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return { dryRun: values['dry-run'], json: values.json, help: values.help };
}
