import { sign, unsign } from 'cookie-signature';
import type { Request, RequestHandler, Response } from 'express';
import session from 'express-session';
import { StoreUnavailableError } from '../grants/errors.js';
import { grantId } from '../grants/grant.js';
import type { SessionUse, UserSessions, Visitor } from '../grants/user-sessions.js';
import { randomToken } from '../oauth/authorization-request.js';
import { type WithHeaders, cookieName, cookieOf } from './cookies.js';
import { remembered } from './remembered.js';
import { endSession, signedIn } from './signed-in.js';

/** What the session middleware needs of its store beyond express-session's own interface. */
export type SessionStore = session.Store & UserSessions & SessionUse;

export interface SessionLifetime {
  readonly idleMs: number;
  readonly maxMs: number;
}

/** `strict`: browsers leave the cookie at home when they come from another site; see `arrivals.ts`. */
export type SameSite = 'lax' | 'strict';

export interface CookieRules {
  readonly secure: boolean;
  /** `lax` unless told. */
  readonly sameSite?: SameSite;
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

/** When somebody signed in with a session. */
export function sessionStart(data: Partial<session.SessionData>): number {
  return data.signIn?.at ?? 0;
}

/** Where somebody signed in with a session; sessions of before do not say it. */
export function sessionVisitor(data: Partial<session.SessionData>): Visitor {
  const { device, address } = data.signIn ?? {};
  return { ...(device !== undefined && { device }), ...(address !== undefined && { address }) };
}

function sessionCookie(secure: boolean): string {
  return cookieName('fc_session', secure);
}

/** What `genid` makes. The same secrets sign other things, none of which has this form. */
const SESSION_ID = /^[\w-]{43}$/;

/** express-session puts it in front of what it has signed. */
const SIGNED = 's:';

/**
 * The session id that this request shows, if we signed it. Costs no question to the store, and says
 * nothing about whether that session is still there.
 */
export function shownSessionId(options: {
  secure: boolean;
  secrets: readonly string[];
}): (req: WithHeaders) => string | undefined {
  const { secure, secrets } = options;
  const name = sessionCookie(secure);
  const idIn = remembered((value) => {
    if (!value.startsWith(SIGNED)) return undefined;
    const signed = value.slice(SIGNED.length);
    const ids = secrets.map((one) => unsign(signed, one));
    return ids.find((id): id is string => id !== false && SESSION_ID.test(id));
  });
  return (req) => {
    const cookie = cookieOf(req, name);
    // Decoded first: a session has many encodings, and is to be remembered once.
    return cookie === undefined ? undefined : idIn(decoded(cookie));
  };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return '';
  }
}

function attributes({ secure, sameSite = 'lax' }: CookieRules) {
  return { httpOnly: true, secure, sameSite, path: '/' } as const;
}

/** Takes the session cookie back; a browser does so only under the attributes it was set with. */
export function clearSessionCookie(rules: CookieRules): (res: Response) => void {
  return (res) => {
    res.clearCookie(sessionCookie(rules.secure), attributes(rules));
  };
}

/** Gives a browser the cookie of a session that another answer has begun, as that answer would have. */
export function giveSessionCookie(
  rules: CookieRules & { secrets: readonly string[]; lifetime: Pick<SessionLifetime, 'maxMs'> },
): (res: Response, id: string) => void {
  const { secrets, lifetime } = rules;
  const [secret = ''] = secrets;
  const settings = { ...attributes(rules), maxAge: lifetime.maxMs };
  return (res, id) => {
    res.cookie(sessionCookie(rules.secure), `${SIGNED}${sign(id, secret)}`, settings);
  };
}

/**
 * Sessions of people who signed in; nobody else gets one. Trouble with the store is passed on as an
 * error and leaves the cookie alone.
 */
export function sessions(
  options: CookieRules & {
    store: SessionStore;
    secrets: readonly string[];
    lifetime: SessionLifetime;
    now: () => number;
  },
): RequestHandler[] {
  const { store, secrets, lifetime, now } = options;
  const middleware = session({
    name: sessionCookie(options.secure),
    store,
    secret: [...secrets],
    genid: randomToken,
    resave: false,
    saveUninitialized: false,
    rolling: false,
    cookie: { ...attributes(options), maxAge: lifetime.maxMs },
  });
  const absoluteLimit: RequestHandler = async (req, _res, next) => {
    const current = signedIn(req);
    if (current !== undefined && now() >= current.at + lifetime.maxMs) await endOutdated(req);
    next();
  };
  return [middleware, absoluteLimit];
}

/** Its record ends by itself, and opens nothing meanwhile: a store that does not remove it is in nobody's way. */
async function endOutdated(req: Request): Promise<void> {
  await endSession(req).catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error;
  });
}
