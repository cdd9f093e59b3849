import { grantId } from '../grants/grant.js';
import { UNKNOWN_DEVICE } from '../http/device-label.js';
import {
  type Command,
  type CommandCall,
  type CommandStore,
  type Outcome,
  counted,
  oneUser,
} from './command.js';
import { printable, userName } from './user-name.js';

/** Commands about who is signed in. */
export const SESSION_COMMANDS: readonly Command[] = [
  {
    needs: 'store',
    name: 'sessions list',
    takes: '<user>',
    does: 'shows where a user is signed in',
    subjects: ['user'],
    examples: ['sessions list us-production/Staff/8d1c'],
    run: listSessions,
  },
  {
    needs: 'store',
    name: 'sessions end',
    takes: '<user> | --all',
    does: 'signs a user out everywhere, or everybody',
    about: ['The connection with Fullscript stays, and the user can sign in again at once.'],
    subjects: ['user', 'all'],
    options: { all: { does: 'everybody' } },
    examples: ['sessions end us-production/Staff/8d1c', 'sessions end --all'],
    stoppable: true,
    run: endSessions,
  },
];

async function listSessions(
  { sessions }: CommandStore,
  { subject }: CommandCall,
): Promise<Outcome> {
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

async function endSessions(store: CommandStore, call: CommandCall): Promise<Outcome> {
  const { subject } = call;
  if (subject === 'all') return endEverybody(store, call);
  const key = oneUser(subject);
  const user = userName(key);
  const ended = await store.sessions.endAll(grantId(key));
  return {
    json: { user, ended },
    lines: [`Ended ${counted(ended, 'session')} of ${printable(user)}.`],
    act: { event: 'sessions_ended', key, sessions: ended },
  };
}

async function endEverybody(
  { sessions }: CommandStore,
  { signal, progress }: CommandCall,
): Promise<Outcome> {
  progress.start('ending sessions');
  const onProgress = (ended: number) => {
    progress.advance(ended);
  };
  const ended = await sessions.endEverybody({ signal, onProgress });
  progress.end();
  const act = { event: 'sessions_ended' as const, sessions: ended };
  const number = counted(ended, 'session');
  if (signal.aborted) {
    const lines = [`Stopped. Ended ${number}; run it again for the others.`];
    return { json: { status: 'interrupted', ended }, lines, act };
  }
  return { json: { ended }, lines: [`Ended ${number}: everybody's.`], act };
}
