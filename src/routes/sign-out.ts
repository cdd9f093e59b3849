import { type Request, type Response, Router } from 'express';
import { grantId } from '../grants/grant.js';
import type { UserSessions } from '../grants/user-sessions.js';
import type { Audit } from '../http/audit.js';
import { formField } from '../http/form-field.js';
import type { RateLimits } from '../http/rate-limits.js';
import { endSession, signedIn, userOf } from '../http/signed-in.js';
import { visitorOf } from '../http/visitor.js';

export interface SignOutDeps {
  readonly sessionStore: Pick<UserSessions, 'nameOf' | 'endOne' | 'endAll'>;
  readonly clearSessionCookie: (res: Response) => void;
  readonly audit: Audit;
  readonly limits: Pick<RateLimits, 'signOut'>;
}

/** Ends sessions. The grant stays: signing out is not disconnecting. */
export function signOutRoutes(deps: SignOutDeps): Router {
  const { sessionStore, audit, limits } = deps;
  const router = Router({ caseSensitive: true });

  router.post('/sign-out', limits.signOut, (req, res) => signOut(deps, req, res));

  router.post('/sign-out/everywhere', limits.signOut, async (req, res) => {
    const user = signedIn(req);
    if (user !== undefined) {
      const sessions = await sessionStore.endAll(grantId(user.key));
      const message = 'signed out on all devices';
      audit('signed_out_everywhere', { key: user.key, ...visitorOf(req), sessions, message });
    }
    await signOut(deps, req, res);
  });

  router.post('/sign-out/others', limits.signOut, async (req, res) => {
    const { key } = userOf(req);
    const sessions = await sessionStore.endAll(grantId(key), sessionStore.nameOf(req.sessionID));
    const message = 'all other sessions ended';
    audit('sessions_ended', { key, ...visitorOf(req), sessions, message });
    res.redirect(303, '/portal/account');
  });

  router.post('/sign-out/session', limits.signOut, async (req, res) => {
    const { key } = userOf(req);
    const name = formField(req, 'session') ?? '';
    if (name === sessionStore.nameOf(req.sessionID)) return signOut(deps, req, res);
    // One that is not there any more, or never was this user's: the list shows what there is.
    const sessions = Number(await sessionStore.endOne(grantId(key), name));
    const message = 'session ended from another one';
    audit('sessions_ended', { key, ...visitorOf(req), sessions, message });
    res.redirect(303, '/portal/account');
  });

  return router;
}

async function signOut(deps: SignOutDeps, req: Request, res: Response): Promise<void> {
  const user = signedIn(req);
  await endSession(req);
  if (user !== undefined) {
    deps.audit('signed_out', { key: user.key, ...visitorOf(req), message: 'signed out' });
  }
  deps.clearSessionCookie(res);
  res.redirect(303, '/');
}
