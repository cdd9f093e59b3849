import type { Config } from '../config.js';
import { checkIndex } from '../grants/index-check.js';
import { GRANT_STATUSES } from '../grants/grant-index.js';
import { CursorError } from '../grants/list-grants.js';
import { REGISTRATION_IDS } from '../oauth/registration.js';
import { RESOURCE_OWNER_TYPES } from '../oauth/resource-owner.js';
import { count } from '../terminal/progress-line.js';
import {
  type Command,
  type CommandCall,
  type CommandStore,
  type Outcome,
  UsageError,
  numberOf,
  oneUser,
  valueOf,
} from './command.js';
import { disconnectGrant, refreshGrant } from './grant-acts.js';
import { lookAtGrants } from './grant-store.js';
import { detailLines, grantJson, grantTable } from './grant-text.js';
import { userName } from './user-name.js';

const PAGE = 50;
const LONGEST_PAGE = 1_000;

/** Commands about connections with Fullscript. */
export const GRANT_COMMANDS: readonly Command[] = [
  {
    needs: 'store',
    name: 'grants list',
    takes: '',
    does: 'lists the connections with Fullscript, page by page',
    about: [
      'A page ends with a cursor when others follow; with --json it is in "next", else null.',
    ],
    subjects: ['none'],
    options: {
      registration: { value: '<id>', does: `only of one of ${REGISTRATION_IDS.join(', ')}` },
      type: { value: '<type>', does: `only of one of ${RESOURCE_OWNER_TYPES.join(', ')}` },
      status: { value: '<status>', does: `only those that are ${GRANT_STATUSES.join(' or ')}` },
      limit: { value: '<number>', does: `how many (${PAGE}; ${LONGEST_PAGE} at most)` },
      cursor: { value: '<cursor>', does: 'the page that begins there' },
    },
    examples: [
      'grants list --status needs_reconnect',
      'grants list --registration us-production --type Staff --limit 200',
      "grants list --json | jq -r '.grants[].user, .next'",
    ],
    run: listGrants,
  },
  {
    needs: 'store',
    name: 'grants show',
    takes: '<user>',
    does: 'shows all that is known of one connection, but no secret',
    about: ['Exit code 1: no grant is stored.'],
    subjects: ['user'],
    examples: ['grants show us-production/Staff/8d1c'],
    run: showGrant,
  },
  {
    needs: 'store',
    name: 'grants refresh',
    takes: '<user>',
    does: 'fetches a new pair of tokens, also where the old one is good',
    about: [
      'Under the same lock as servers. A pair that Redis does not take is kept in DATA_DIR, as a',
      'server does. Exit code 1: it could not be refreshed.',
    ],
    subjects: ['user'],
    examples: ['grants refresh us-production/Staff/8d1c'],
    stoppable: true,
    run: refreshGrant,
  },
  {
    needs: 'store',
    name: 'grants disconnect',
    takes: '<user>',
    does: 'ends a connection: tokens revoked, grant removed, sessions ended',
    about: [
      'The user can sign in and connect again; "users disable" prevents that. What Fullscript does not',
      'confirm at once is tried again by the servers, for a day.',
    ],
    subjects: ['user'],
    options: { 'keep-sessions': { does: 'leave the user signed in here' } },
    examples: [
      'grants disconnect us-production/Staff/8d1c',
      'grants disconnect us-production/Staff/8d1c --keep-sessions',
    ],
    stoppable: true,
    run: disconnectGrant,
  },
  {
    needs: 'store',
    name: 'grants reindex',
    takes: '',
    does: 'compares the index of grants with the grants, and mends it',
    about: ['Servers do that by themselves, once a day. It can be stopped and started again.'],
    subjects: ['none'],
    examples: ['grants reindex'],
    stoppable: true,
    run: reindex,
  },
];

async function listGrants(
  store: CommandStore,
  call: CommandCall,
  config: Config,
): Promise<Outcome> {
  const limit = numberOf(call, 'limit', { otherwise: PAGE, most: LONGEST_PAGE });
  const filter = {
    registration: oneOf(call, 'registration', REGISTRATION_IDS),
    type: oneOf(call, 'type', RESOURCE_OWNER_TYPES),
    status: oneOf(call, 'status', GRANT_STATUSES),
  };
  const { list } = lookAtGrants(store, config);
  const page = list({ ...filter, limit, cursor: valueOf(call, 'cursor') });
  const { grants, next } = await page.catch((error: unknown) => {
    throw error instanceof CursorError ? new UsageError(error.message) : error;
  });
  const empty = next === undefined ? ['No such grants.'] : [];
  return {
    json: { grants: grants.map(grantJson), next: next ?? null },
    lines: [
      ...(grants.length === 0 ? empty : grantTable(grants)),
      ...(next === undefined ? [] : ['', `The next page: the same with --cursor ${next}`]),
    ],
  };
}

/** @throws UsageError when something else was typed. */
function oneOf<T extends string>(
  call: CommandCall,
  name: string,
  values: readonly T[],
): T | undefined {
  const typed = valueOf(call, name)?.toLowerCase();
  if (typed === undefined) return undefined;
  const found = values.find((value) => value.toLowerCase() === typed);
  if (found === undefined) throw new UsageError(`--${name} is one of ${values.join(', ')}`);
  return found;
}

async function showGrant(
  store: CommandStore,
  { subject }: CommandCall,
  config: Config,
): Promise<Outcome> {
  const key = oneUser(subject);
  const details = await lookAtGrants(store, config).details(key);
  const { grant, failure, disabled, sessions } = details;
  return {
    json: {
      user: userName(key),
      grant: grant === undefined ? null : grantJson(grant),
      refreshFailure: failure ?? null,
      ...{ disabled, sessions },
    },
    lines: detailLines(key, details),
    failed: grant === undefined,
  };
}

async function reindex(store: CommandStore, call: CommandCall, config: Config): Promise<Outcome> {
  const { signal, progress } = call;
  const { index, upkeep } = lookAtGrants(store, config);
  const known = (await index.counts()).reduce((sum, { grants }) => sum + grants, 0);
  progress.start('comparing', known);
  const done = await checkIndex({
    ...{ index, upkeep, signal, records: store.records },
    onProgress: (seen) => {
      progress.advance(seen);
    },
  });
  progress.end();
  if (done.ended === 'interrupted') {
    return { json: { status: 'interrupted' }, lines: ['Stopped. Run it again.'] };
  }
  const { grants, removed } = done;
  return {
    act: { event: 'index_checked', outcome: 'done' },
    json: { status: 'done', grants, removed },
    lines: [
      `Grants in the index: ${count(grants)}. Entries without a grant that were removed: ${count(removed)}.`,
    ],
  };
}
