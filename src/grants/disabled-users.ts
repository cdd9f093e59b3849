import type { UserSessions } from './user-sessions.js';

/**
 * Who may not sign in. Only a sign-in looks: whoever is disabled has no session, so requests need not.
 * Users are named by `grantId`. Everything rejects with StoreUnavailableError when the store fails.
 */
export interface DisabledUsers {
  /** @returns whether that changed anything. */
  readonly add: (id: string) => Promise<boolean>;
  /** @returns whether that changed anything. */
  readonly remove: (id: string) => Promise<boolean>;
  readonly has: (id: string) => Promise<boolean>;
  readonly all: () => Promise<string[]>;
}

/**
 * Shuts a user out: the record first, then the sessions. A sign-in writes its session first and looks
 * at the record then, so whichever comes later, one of the two sees the other.
 *
 * Doing it again is harmless, and does the rest when it was cut off.
 */
export async function disableUser(
  deps: { disabledUsers: Pick<DisabledUsers, 'add'>; sessions: Pick<UserSessions, 'endAll'> },
  id: string,
): Promise<{ changed: boolean; ended: number }> {
  const changed = await deps.disabledUsers.add(id);
  return { changed, ended: await deps.sessions.endAll(id) };
}
