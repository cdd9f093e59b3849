import { randomBytes } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { cookieName, cookieOf } from './cookies.js';
import { signedIn } from './signed-in.js';

/**
 * A cookie that says: the last session of this browser is over. It holds nothing but chance, and does two
 * things.
 *
 * Browsers keep pages for the way back, and Chromium also those with `no-store`, until a cookie changes. That
 * the session cookie goes does not suffice: what the sign-in itself set is taken off the count of the page
 * that it ended on, and now and then one too many. So this cookie changes more often than that.
 *
 * And the way back leads to a page that needs a session. A person who is still signed in at Fullscript would be
 * signed in again on the spot, and the page shown; so after a sign-out that person is asked first.
 *
 * @see https://developer.chrome.com/docs/web-platform/bfcache-ccns
 */
export interface SignOutMark {
  readonly set: (res: Response) => void;
  /** Takes it back, where there is one: a new session has begun. */
  readonly clear: (req: Request, res: Response) => void;
  /** Whether a person in front of this browser has to say that they want to sign in again. */
  readonly asksFirst: (req: Request) => boolean;
}

/** A sign-in sets or takes back up to five: binding, session, device, binding again, and this one. */
const CHANGES = 6;

export function createSignOutMark({ secure }: { secure: boolean }): SignOutMark {
  const name = cookieName('fc_signed_out', secure);
  // Without a lifetime: it goes with the browser's own session.
  const attributes = { httpOnly: true, secure, sameSite: 'lax', path: '/' } as const;
  return {
    set: (res) => {
      for (let i = 0; i < CHANGES; i += 1) {
        res.cookie(name, randomBytes(6).toString('base64url'), attributes);
      }
    },
    clear: (req, res) => {
      if (cookieOf(req, name) !== undefined) res.clearCookie(name, attributes);
    },
    // Programs that follow redirects have no button to press.
    asksFirst: (req) =>
      req.get('sec-fetch-dest') === 'document' && cookieOf(req, name) !== undefined,
  };
}

/**
 * Sets the mark where a page is opened with a session that has ended meanwhile: on another device, by an
 * administrator, or by its age.
 */
export function markEndedSessions(of: {
  mark: SignOutMark;
  shownSession: (req: Request) => string | undefined;
}): RequestHandler {
  const { mark, shownSession } = of;
  return (req, res, next) => {
    const isPage = req.method === 'GET' && req.get('sec-fetch-dest') === 'document';
    if (isPage && signedIn(req) === undefined && shownSession(req) !== undefined) mark.set(res);
    next();
  };
}
