import type { Config } from '../config.js';
import { StoreUnavailableError } from '../grants/errors.js';
import { embeddedState } from '../redis/embedded-state.js';
import { reportText } from '../rotation/report-text.js';
import { type RunDeps, runRotation } from '../rotation/run.js';
import type { Command, CommandCall, Outcome } from './command.js';
import { isKept, nothingKept } from './kept-store.js';
import { installationOf, writeDown } from './run-on-store.js';

/** Commands about the keys that seal grants. */
export const KEY_COMMANDS: readonly Command[] = [
  {
    needs: 'config',
    name: 'keys rotate',
    takes: '',
    does: 'seals every stored grant anew that is not sealed with the first key',
    about: [
      'The first of TOKEN_ENCRYPTION_KEYS seals, all of them open. It can be stopped with Ctrl-C and',
      'started again: it goes on where it was. Exit code 0: every grant is sealed with the first key;',
      '1: another key is still needed, or Redis failed.',
    ],
    subjects: ['none'],
    options: { 'dry-run': { does: 'only count the grants by key; change nothing' } },
    examples: ['keys rotate', 'keys rotate --dry-run', 'keys rotate --json | jq -r .removeAfter'],
    stoppable: true,
    run: rotate,
  },
];

const NOTHING_STORED =
  'Nothing is stored: REDIS_URL is unset and no redis-server is installed, so grants live and end ' +
  'with the server process.';

async function rotate(config: Config, call: CommandCall): Promise<Outcome> {
  const { signal, progress, say } = call;
  if (await isElsewhere(config)) {
    say(nothingKept(config.dataDir));
    return { json: undefined, lines: [], failed: true };
  }
  const dryRun = call.options['dry-run'] === true;
  const onResealed = writingDown(config, call);
  const report = await runRotation({ config, dryRun, progress, signal, onResealed });
  if (report === undefined) return { json: { status: 'nothing_stored' }, lines: [NOTHING_STORED] };
  const failed = report.status === 'left' || report.status === 'failed';
  return { json: { ...report }, lines: reportText(report), failed };
}

/** What is sealed anew stays so, whether or not anybody reads of it. */
function writingDown(config: Config, { say }: CommandCall): NonNullable<RunDeps['onResealed']> {
  return async (client, { status }) => {
    try {
      // What is sealed with a new key is still this installation's when servers know nothing but that key.
      await installationOf({ client }, config).enter();
      await writeDown(client, { event: 'keys_rotated', outcome: status }, config);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      say(`This is missing from the audit trail: ${error.message}`);
    }
  };
}

/** Whoever heard there that no grant needs the old key would remove it. */
async function isElsewhere({ store, dataDir }: Config): Promise<boolean> {
  if (store !== 'embedded' || isKept(dataDir)) return false;
  return (await embeddedState(dataDir)).kind === 'not running';
}
