import { grantId } from '../grants/grant.js';
import { UNKNOWN_DEVICE } from '../http/device-label.js';
import {
  type Command,
  type CommandStore,
  type Outcome,
  type Subject,
  counted,
  oneUser,
} from './command.js';
import { printable, userName } from './user-name.js';

/** Commands about who is signed in. */
export const SESSION_COMMANDS: readonly Command[] = [
  {
    name: 'sessions list',
    takes: '<user>',
    does: 'shows where a user is signed in',
    about: ['user'],
    run: listSessions,
  },
  {
    name: 'sessions end',
    takes: '<user> | --all',
    does: 'signs a user out everywhere, or everybody',
    about: ['user', 'all'],
    run: endSessions,
  },
];

async function listSessions({ sessions }: CommandStore, subject: Subject): Promise<Outcome> {
  const key = oneUser(subject);
  const user = userName(key);
  const listed = (await sessions.list(grantId(key))).map(
    ({ name, signedInAt, device = UNKNOWN_DEVICE }) => ({
      id: name,
      signedInAt: new Date(signedInAt).toISOString(),
      device,
    }),
  );
  return {
    json: { user, sessions: listed },
    lines: [
      `${printable(user)} has ${counted(listed.length, 'session')}.`,
      ...listed.map(
        ({ id, signedInAt, device }) => `  ${id}  signed in ${signedInAt}  ${printable(device)}`,
      ),
    ],
  };
}

async function endSessions({ sessions }: CommandStore, subject: Subject): Promise<Outcome> {
  if (subject === 'all') {
    const ended = await sessions.endEverybody();
    const lines = [`Ended ${counted(ended, 'session')}: everybody's.`];
    return { json: { ended }, lines, act: { event: 'sessions_ended', sessions: ended } };
  }
  const key = oneUser(subject);
  const user = userName(key);
  const ended = await sessions.endAll(grantId(key));
  return {
    json: { user, ended },
    lines: [`Ended ${counted(ended, 'session')} of ${printable(user)}.`],
    act: { event: 'sessions_ended', key, sessions: ended },
  };
}
