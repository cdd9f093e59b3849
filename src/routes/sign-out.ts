import { Router } from 'express';
import { grantId } from '../grants/grant.js';
import type { Audit } from '../http/audit.js';
import type { SessionStore } from '../http/session.js';
import { endSession, signedIn } from '../http/signed-in.js';

/** Ends sessions. The grant stays: signing out is not disconnecting. */
export function signOutRoutes(deps: {
  sessionStore: Pick<SessionStore, 'endAll'>;
  clearSessionCookie: (res: import('express').Response) => void;
  audit: Audit;
}): Router {
  const { sessionStore, clearSessionCookie, audit } = deps;
  const router = Router({ caseSensitive: true });

  router.post('/sign-out', async (req, res) => {
    const user = signedIn(req);
    await endSession(req);
    if (user !== undefined) audit('signed_out', { key: user.key, message: 'signed out' });
    clearSessionCookie(res);
    res.redirect(303, '/');
  });

  router.post('/sign-out/everywhere', async (req, res) => {
    const user = signedIn(req);
    if (user !== undefined) {
      const sessions = await sessionStore.endAll(grantId(user.key));
      const message = 'signed out on all devices';
      audit('signed_out_everywhere', { key: user.key, sessions, message });
    }
    await endSession(req);
    clearSessionCookie(res);
    res.redirect(303, '/');
  });

  return router;
}
