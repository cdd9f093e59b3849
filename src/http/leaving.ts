import type { ErrorRequestHandler, Request, RequestHandler } from 'express';
import { createBoundedMap } from '../grants/bounded-map.js';
import { StoreUnavailableError } from '../grants/errors.js';
import type { SessionStore } from './session.js';
import { endStoredSession } from './signed-in.js';

/** What people are in the middle of when they leave; each of them is a POST. */
const LEAVING = new Set(['/sign-out', '/sign-out/everywhere', '/sign-out/session']);

/** @param path without the query. */
export function isLeaving(method: string | undefined, path: string): boolean {
  return method === 'POST' && LEAVING.has(path);
}

const UNREAD = Symbol('session could not be read');
type Unread = Request & { [UNREAD]?: StoreUnavailableError };

/**
 * Lets people leave whose session the store does not hand out: the request goes on as that of a stranger who
 * shows a session id of ours. Of such a request the origin is checked, and not the token, which cannot be
 * made without knowing the user. Every other request ends with the store's error.
 */
// eslint-disable-next-line max-params -- Express tells error handlers by their four parameters
export const leavingUnread: ErrorRequestHandler = (error: unknown, req: Unread, _res, next) => {
  if (!isLeaving(req.method, req.path) || !(error instanceof StoreUnavailableError)) {
    next(error);
    return;
  }
  req[UNREAD] = error;
  next();
};

/** Why the session of this request is not known, where that is so. */
export function unreadSession(req: Unread): StoreUnavailableError | undefined {
  return req[UNREAD];
}

/** A limit that is not in the way of people who leave while the store cannot count. */
export function unlessStoreFails(limit: RequestHandler): RequestHandler {
  return async (req, res, next) => {
    // It would only be asked for the same silence once more.
    if (unreadSession(req) !== undefined) {
      next();
      return;
    }
    await limit(req, res, (error?: unknown) => {
      next(error instanceof StoreUnavailableError ? undefined : error);
    });
  };
}

/** Sessions that were left while the store did not remove them. */
export interface LateSessionEnds {
  /** Has a session ended as soon as the store does it. */
  readonly add: (sid: string) => void;
  /** Tries it once for each of them, until one fails. Never fails itself. */
  readonly tryAgain: () => Promise<void>;
}

/** Each is a few dozen bytes. Those beyond it end by their own lifetime. */
const MOST_LATE_ENDS = 10_000;

/** Kept by this process alone: after a restart what is left of them ends by its own lifetime. */
export function createLateSessionEnds(store: Pick<SessionStore, 'destroy'>): LateSessionEnds {
  const waiting = createBoundedMap<true>(MOST_LATE_ENDS);
  return {
    add: (sid) => waiting.set(sid, true),
    tryAgain: async () => {
      try {
        for (const [sid] of waiting.entries()) {
          await endStoredSession(store, sid);
          waiting.delete(sid);
        }
      } catch {
        // The next try comes soon, and whoever left has been told.
      }
    },
  };
}
