import { Router } from 'express';
import { grantId } from '../grants/grant.js';
import type { SessionStore } from '../http/session.js';
import { endSession, signedIn } from '../http/signed-in.js';

/** Ends sessions. The grant stays: signing out is not disconnecting. */
export function signOutRoutes(deps: {
  sessionStore: Pick<SessionStore, 'endAll'>;
  clearSessionCookie: (res: import('express').Response) => void;
}): Router {
  const { sessionStore, clearSessionCookie } = deps;
  const router = Router({ caseSensitive: true });

  router.post('/sign-out', async (req, res) => {
    await endSession(req);
    clearSessionCookie(res);
    res.redirect(303, '/');
  });

  router.post('/sign-out/everywhere', async (req, res) => {
    const user = signedIn(req);
    if (user !== undefined) await sessionStore.endAll(grantId(user.key));
    await endSession(req);
    clearSessionCookie(res);
    res.redirect(303, '/');
  });

  return router;
}
