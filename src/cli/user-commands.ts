import { disableUser } from '../grants/disabled-users.js';
import { type GrantKey, grantId } from '../grants/grant.js';
import {
  type Command,
  type CommandCall,
  type CommandStore,
  type Outcome,
  counted,
  oneUser,
} from './command.js';
import { printable, storedUserName, userName } from './user-name.js';

/** Commands about who may sign in. */
export const USER_COMMANDS: readonly Command[] = [
  {
    needs: 'store',
    name: 'users disable',
    takes: '<user>',
    does: "ends a user's sessions and refuses sign-in",
    about: ['The connection with Fullscript stays, for when the user is enabled again.'],
    subjects: ['user'],
    examples: ['users disable us-production/Staff/8d1c'],
    stoppable: true,
    run: disable,
  },
  {
    needs: 'store',
    name: 'users enable',
    takes: '<user>',
    does: 'lets a user sign in again',
    subjects: ['user'],
    examples: ['users enable us-production/Staff/8d1c'],
    stoppable: true,
    run: enable,
  },
  {
    needs: 'store',
    name: 'users disabled',
    takes: '',
    does: 'lists who may not sign in',
    subjects: ['none'],
    examples: ['users disabled', "users disabled --json | jq -r '.users[]'"],
    run: listDisabled,
  },
];

const UNKNOWN = 'No grant of this user is stored. If that is a surprise, look at the id again.';

async function disable(store: CommandStore, { subject }: CommandCall): Promise<Outcome> {
  const key = oneUser(subject);
  const { changed, ended } = await disableUser(store, grantId(key));
  const connected = await hasGrant(store, key);
  const user = userName(key);
  const state = changed ? 'is disabled from now on' : 'was disabled already';
  return {
    json: { user, disabled: true, changed, ended, connected },
    lines: [
      `${printable(user)} ${state}. Ended ${counted(ended, 'session')}.`,
      ...(connected ? [] : [UNKNOWN]),
    ],
    act: { event: 'user_disabled', key, sessions: ended },
  };
}

async function enable(store: CommandStore, { subject }: CommandCall): Promise<Outcome> {
  const key = oneUser(subject);
  const changed = await store.disabledUsers.remove(grantId(key));
  const user = userName(key);
  const state = changed ? 'may sign in again' : 'was not disabled';
  return {
    json: { user, disabled: false, changed },
    lines: [`${printable(user)} ${state}.`],
    ...(changed ? { act: { event: 'user_enabled' as const, key } } : {}),
  };
}

async function listDisabled({ disabledUsers }: CommandStore): Promise<Outcome> {
  const users = (await disabledUsers.all()).map(storedUserName).sort();
  const number = counted(users.length, 'user');
  return {
    json: { users },
    lines: [
      `${number} ${users.length === 1 ? 'is' : 'are'} disabled.`,
      ...users.map((user) => `  ${printable(user)}`),
    ],
  };
}

async function hasGrant({ records }: CommandStore, key: GrantKey): Promise<boolean> {
  return (await records.read(grantId(key))) !== undefined;
}
