import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';
import type { Store } from 'express-session';
import { StoreUnavailableError } from '../grants/errors.js';
import type { GrantKey } from '../grants/grant.js';
import type { Visitor } from '../grants/user-sessions.js';
import { NotSignedInError } from './errors.js';

/** What a session holds: who signed in, when and where. Written once, at sign-in. */
export interface SignedIn extends Visitor {
  readonly key: GrantKey;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

declare module 'express-session' {
  interface SessionData {
    signIn: SignedIn;
  }
}

/** Where it stands for requests that Express has not seen; it has `req.session`. */
const READ = Symbol('signed in');

type MaybeSignedIn = IncomingMessage & {
  session?: Partial<Request['session']>;
  [READ]?: SignedIn;
};

/** Who is signed in with this request, if anybody. */
export function signedIn(req: MaybeSignedIn): SignedIn | undefined {
  const { session } = req;
  return session === undefined ? req[READ] : session.signIn;
}

/** Says who is signed in with a request that has no `req.session`. */
export function markSignedIn(req: MaybeSignedIn, user: SignedIn): void {
  req[READ] = user;
}

/** @throws NotSignedInError */
export function userOf(req: Request): SignedIn {
  const user = signedIn(req);
  if (user === undefined) throw new NotSignedInError();
  return user;
}

/**
 * Signs in under a new session id; the old one, and whoever planted it, is left behind. Resolves when
 * the session is stored, so that the next page finds it.
 *
 * @param admit asked when it is stored, and not before: then it either sees what keeps this user out,
 *   or whoever keeps the user out sees the session. When it rejects, there is no session, and the
 *   browser is not given its id.
 */
export async function startSession(
  req: Request,
  signIn: SignedIn,
  admit: () => Promise<void>,
): Promise<void> {
  const { session } = req as { session?: Request['session'] };
  // One that was too old has been ended, and nothing stands in its place.
  if (session === undefined) req.sessionStore.generate(req);
  else await settle((done) => session.regenerate(done));
  req.session.signIn = signIn;
  try {
    await settle((done) => req.session.save(done));
    await admit();
  } catch (error) {
    // Else express-session stores it once more with the answer. The id is forgotten here in any case,
    // and a record that cannot be removed now belongs to nobody.
    const ended = endSession(req).catch(() => undefined);
    // Nobody waits twice for a store that is silent.
    if (!(error instanceof StoreUnavailableError)) await ended;
    throw error;
  }
}

/** Ends the session that a sign-in was started in, when the browser came back without its cookie. */
export async function endStoredSession(store: Pick<Store, 'destroy'>, id: string): Promise<void> {
  await settle((done) => store.destroy(id, done));
}

/** Ends this session here and in the store; the request goes on as anybody's. */
export async function endSession(req: Request): Promise<void> {
  const { session } = req as { session?: Request['session'] };
  // One that was too old has been ended before.
  if (session !== undefined) await settle((done) => session.destroy(done));
}

function settle(step: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    step((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error('session store', { cause: error }));
    });
  });
}
