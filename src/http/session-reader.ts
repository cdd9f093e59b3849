import type { IncomingMessage } from 'node:http';
import type { SessionData } from 'express-session';
import { createBoundedMap } from '../grants/bounded-map.js';
import { type GrantKey, grantId } from '../grants/grant.js';
import type { ReadAhead, TokenRefresher } from '../grants/token-refresher.js';
import { type SessionLifetime, type SessionStore, shownSessionId } from './session.js';
import type { SignedIn } from './signed-in.js';

export interface SessionReaderDeps {
  readonly store: Pick<SessionStore, 'get' | 'touch'>;
  readonly secrets: readonly string[];
  readonly secure: boolean;
  readonly lifetime: SessionLifetime;
  readonly readAhead: TokenRefresher['readAhead'];
  readonly now: () => number;
}

/** Who is signed in, and a look at the user's grant if one was begun. */
export interface FoundUser {
  readonly user: SignedIn;
  readonly ahead: ReadAhead | undefined;
}

/** Finds out who is signed in without being able to change that. */
export interface SessionReader {
  /** The session that a request shows, if we signed it; asks nobody. */
  readonly shown: (req: IncomingMessage) => string | undefined;
  /**
   * Undefined where the session middleware has something to do: no such session, or one that has lasted long
   * enough. Fails as the store does.
   */
  readonly find: (id: string) => Promise<FoundUser | undefined>;
}

/** Each costs some two hundred bytes. Those forgotten are read one after the other once more. */
const USERS_REMEMBERED = 50_000;

/**
 * A session keeps its user, so this process remembers whose each one was, and asks for session and grant at
 * once. What counts is what the session says now: a grant of anybody else is not looked at.
 */
export function createSessionReader(deps: SessionReaderDeps): SessionReader {
  const { store, lifetime, readAhead, now } = deps;
  const lastUser = createBoundedMap<GrantKey>(USERS_REMEMBERED);

  function accept(id: string, session: SessionData, begun?: ReadAhead): FoundUser | undefined {
    const { signIn: user } = session as Partial<SessionData>;
    if (user === undefined || now() >= user.at + lifetime.maxMs) return undefined;
    store.touch?.(id, session);
    const ahead = begun && grantId(begun.key) === grantId(user.key) ? begun : undefined;
    if (ahead === undefined) lastUser.set(id, user.key);
    return { user, ahead };
  }

  return {
    shown: shownSessionId(deps),
    find: (id) => {
      const expected = lastUser.get(id);
      const ahead = expected && readAhead(expected);
      return new Promise((resolve, reject) => {
        store.get(id, (error: unknown, session?: SessionData | null) => {
          // Its stores say null as well as undefined for nothing.
          if (error !== undefined && error !== null) {
            reject(asError(error));
            return;
          }
          try {
            resolve(session ? accept(id, session, ahead) : undefined);
          } catch (damaged) {
            // Thrown into the store, nobody would hear of it.
            reject(asError(damaged));
          }
        });
      });
    },
  };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('session store', { cause: thrown });
}
