import { parseArgs } from 'node:util';

/** What the server's program was asked for. */
export type ServerWish =
  | { readonly wish: 'start' | 'check-config' | 'help' | 'version' }
  | { readonly wish: 'wrong use'; readonly reason: string };

export const SERVER_HELP = `Starts the server. What it needs to know stands in the environment and in .env: docs/configuration.md.

Usage: node dist/main.js [options]
       npm start -- [options]

Options:
  --check-config  says whether the server could start with this configuration, and ends;
                  it makes no file and asks nobody
  --version       prints the version
  --help          this text

What else is to be asked of an installation: fullscript-connect --help.
Exit code: 0 stopped, or the configuration is right; 1 it could not start; 64 wrong use; 78 the
configuration is wrong.
`;

const FLAG = { type: 'boolean' } as const;

/** One wish at a time; help wins. */
export function serverWish(args: readonly string[]): ServerWish {
  try {
    const options = {
      help: { ...FLAG, short: 'h' },
      version: { ...FLAG, short: 'v' },
      'check-config': FLAG,
    };
    const { values } = parseArgs({ args: [...args], options, allowPositionals: false });
    if (values.help === true) return { wish: 'help' };
    if (values.version === true) return { wish: 'version' };
    return { wish: values['check-config'] === true ? 'check-config' : 'start' };
  } catch (error) {
    return { wish: 'wrong use', reason: error instanceof Error ? error.message : String(error) };
  }
}
