import type { Request, RequestHandler } from 'express';
import type { SessionData } from 'express-session';
import { createBoundedMap } from '../grants/bounded-map.js';
import { type GrantKey, grantId } from '../grants/grant.js';
import type { ReadAhead, TokenRefresher } from '../grants/token-refresher.js';
import { type SessionLifetime, type SessionStore, shownSessionId } from './session.js';
import { markSignedIn } from './signed-in.js';

export interface ReadSessionDeps {
  readonly store: Pick<SessionStore, 'get' | 'touch' | 'destroy'>;
  readonly secrets: readonly string[];
  readonly secure: boolean;
  readonly lifetime: SessionLifetime;
  readonly readAhead: TokenRefresher['readAhead'];
  readonly now: () => number;
}

/** Each costs some two hundred bytes. Those forgotten are read one after the other once more. */
const USERS_REMEMBERED = 50_000;

const AHEAD = Symbol('read ahead');
type Ahead = Request & { [AHEAD]?: ReadAhead };

/** The look at the user's grant that was begun together with the one at the session, if one was. */
export function readAheadOf(req: Request): ReadAhead | undefined {
  return (req as Ahead)[AHEAD];
}

/**
 * Finds out who is signed in, for routes that neither begin nor end a session: by the same cookie, store and
 * limits as the session middleware, without what that does to be able to change a session.
 *
 * A session keeps its user, so this process remembers whose each one was and asks for session and grant at
 * once. What counts is what the session says now: a grant of anybody else is not looked at.
 *
 * Trouble with the store is passed on as an error and leaves the cookie alone.
 */
export function readSession(deps: ReadSessionDeps): RequestHandler {
  const { store, lifetime, readAhead, now } = deps;
  const shownId = shownSessionId(deps);
  const lastUser = createBoundedMap<GrantKey>(USERS_REMEMBERED);
  return (req, _res, next) => {
    const id = shownId(req);
    if (id === undefined) {
      next();
      return;
    }
    const expected = lastUser.get(id);
    const ahead = expected && readAhead(expected);
    store.get(id, (error: unknown, session?: SessionData | null) => {
      const user = (session as Partial<SessionData> | null | undefined)?.signIn;
      if (!isNothing(error) || !session || user === undefined) {
        next(isNothing(error) ? undefined : error);
        return;
      }
      if (now() >= user.at + lifetime.maxMs) {
        store.destroy(id, (failure?: unknown) => {
          next(isNothing(failure) ? undefined : failure);
        });
        return;
      }
      markSignedIn(req, user);
      if (ahead && isSame(ahead.key, user.key)) (req as Ahead)[AHEAD] = ahead;
      else lastUser.set(id, user.key);
      store.touch?.(id, session);
      next();
    });
  };
}

/** express-session's stores say null as well as undefined for "no error". */
function isNothing(error: unknown): boolean {
  return error === undefined || error === null;
}

function isSame(one: GrantKey, other: GrantKey): boolean {
  return one === other || grantId(one) === grantId(other);
}
