import type { Request, RequestHandler } from 'express';
import type { Csrf } from './csrf.js';
import type { OwnerTags } from './owner-tags.js';
import { signedIn } from './signed-in.js';

/** Tells the live scripts when somebody else has signed in in this browser. */
function whoIs(req: Request, { inPages }: OwnerTags): string | undefined {
  const user = signedIn(req);
  return user && inPages(user.key);
}

/** For the forms of every page; views take it for a sign that somebody is signed in. */
export function pageLocals({ token }: Csrf, tags: OwnerTags): RequestHandler {
  return (req, res, next) => {
    // Looked at when a page is rendered: most answers are none, and a damaged session shall not be in their way.
    Object.defineProperty(res.locals, 'csrfToken', { enumerable: true, get: () => token(req) });
    Object.defineProperty(res.locals, 'who', { enumerable: true, get: () => whoIs(req, tags) });
    next();
  };
}
