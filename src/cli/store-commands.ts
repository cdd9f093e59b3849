import type { Config } from '../config.js';
import { createRedisGrantIndex } from '../redis/grant-index.js';
import { DEFAULT_PREFIX } from '../redis/keys.js';
import {
  type Command,
  type CommandCall,
  type CommandStore,
  type Outcome,
  counted,
} from './command.js';
import { installationOf } from './run-on-store.js';

/** Commands about the store as a whole. */
export const STORE_COMMANDS: readonly Command[] = [
  {
    needs: 'store',
    anyStore: true,
    name: 'store adopt',
    takes: '',
    does: 'takes over the store of another installation, or one whose keys are lost',
    about: [
      'A store is marked with the keys of TOKEN_ENCRYPTION_KEYS, and servers without one of them do not start on it. This',
      'replaces the marks: from then on servers with the keys configured here start, and others do not. Stop whatever uses',
      'the store first. Grants that were sealed with other keys stay as they are, and cannot be opened without those.',
      'A second installation on the same Redis needs a REDIS_PREFIX of its own instead.',
    ],
    subjects: ['none'],
    options: { 'dry-run': { does: 'only say whose store it is; change nothing' } },
    examples: ['store adopt --dry-run', 'store adopt'],
    stoppable: true,
    run: adopt,
  },
];

const WHOSE = {
  ours: "this installation's",
  unmarked: 'marked by no installation',
  foreign: "another installation's",
} as const;

async function adopt(store: CommandStore, call: CommandCall, config: Config): Promise<Outcome> {
  const installation = installationOf(store, config);
  const owner = await installation.owner();
  const counts = await createRedisGrantIndex(store.client).counts();
  const grants = counts.reduce((sum, one) => sum + one.grants, 0);
  const prefix = store.address.prefix ?? DEFAULT_PREFIX;
  const found = `The store with the prefix ${prefix} is ${WHOSE[owner]}; ${counted(grants, 'grant')} in it.`;
  const json = { prefix, owner, grants, adopted: false };
  if (call.options['dry-run'] === true || owner === 'ours') {
    return { json, lines: [found, 'Nothing was changed.'] };
  }
  await installation.adopt();
  const next =
    'It is this installation\'s from now on. "keys rotate --dry-run" counts the grants that need other keys.';
  return {
    json: { ...json, adopted: true },
    lines: [found, next],
    act: { event: 'store_adopted', outcome: owner },
  };
}
