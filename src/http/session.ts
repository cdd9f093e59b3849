import type { RequestHandler, Response } from 'express';
import session from 'express-session';
import { grantId } from '../grants/grant.js';
import { randomToken } from '../oauth/authorization-request.js';
import { cookieName } from './cookies.js';
import { dropSession, signedIn } from './signed-in.js';

/** What the session middleware needs of its store beyond express-session's own interface. */
export type SessionStore = session.Store & {
  /** Ends all sessions of one user; answers how many there were. */
  readonly endAll: (owner: string) => Promise<number>;
};

export interface SessionLifetime {
  readonly idleMs: number;
  readonly maxMs: number;
}

/** How long a session may stay in the store: idle time, cut at the absolute limit. At least 1 ms. */
export function sessionTtl(
  data: Pick<session.SessionData, 'signIn'>,
  at: SessionLifetime & { now: number },
): number {
  const left = data.signIn.at + at.maxMs - at.now;
  return Math.max(1, Math.min(at.idleMs, left));
}

/** Under which name the store keeps a user's sessions together. */
export function sessionOwner(data: Partial<session.SessionData>): string | undefined {
  return data.signIn === undefined ? undefined : grantId(data.signIn.key);
}

function sessionCookie(secure: boolean): string {
  return cookieName('fc_session', secure);
}

function attributes(secure: boolean) {
  return { httpOnly: true, secure, sameSite: 'lax', path: '/' } as const;
}

/** Takes the session cookie back; a browser does so only under the attributes it was set with. */
export function clearSessionCookie(secure: boolean): (res: Response) => void {
  return (res) => {
    res.clearCookie(sessionCookie(secure), attributes(secure));
  };
}

/**
 * Sessions of people who signed in; nobody else gets one. Trouble with the store is passed on as an
 * error and leaves the cookie alone.
 */
export function sessions(options: {
  store: SessionStore;
  secrets: readonly string[];
  secure: boolean;
  lifetime: SessionLifetime;
  now: () => number;
}): RequestHandler[] {
  const { store, secrets, secure, lifetime, now } = options;
  const middleware = session({
    name: sessionCookie(secure),
    store,
    secret: [...secrets],
    genid: randomToken,
    resave: false,
    saveUninitialized: false,
    rolling: false,
    cookie: { ...attributes(secure), maxAge: lifetime.maxMs },
  });
  const absoluteLimit: RequestHandler = async (req, _res, next) => {
    const current = signedIn(req);
    if (current !== undefined && now() >= current.at + lifetime.maxMs) await dropSession(req);
    next();
  };
  return [middleware, absoluteLimit];
}
