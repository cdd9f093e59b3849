import { type Request, Router } from 'express';
import { grantId } from '../grants/grant.js';
import type { UserSessions } from '../grants/user-sessions.js';
import type { Csrf } from '../http/csrf.js';
import { type SignedIn, signedIn, userOf } from '../http/signed-in.js';
import { moment } from './moment.js';

export interface SessionRoutesDeps {
  readonly sessionStore: Pick<UserSessions, 'list' | 'nameOf'>;
  readonly csrf: Pick<Csrf, 'token'>;
  readonly signInPath: (req: Request) => string;
}

/**
 * Where a user is signed in. It asks for a session and for nothing else: who cannot connect to
 * Fullscript any more can still see to this. `routes/sign-out.ts` ends what is listed here.
 */
export function sessionRoutes({ sessionStore, csrf, signInPath }: SessionRoutesDeps): Router {
  const router = Router({ caseSensitive: true });

  async function sessionsOf(req: Request, user: SignedIn) {
    const here = sessionStore.nameOf(req.sessionID);
    const listed = await sessionStore.list(grantId(user.key));
    return listed.map(({ name, signedInAt }) => ({ name, signedInAt, current: name === here }));
  }

  router.get('/portal/sessions', async (req, res) => {
    const user = signedIn(req);
    if (user === undefined) {
      res.redirect(303, signInPath(req));
      return;
    }
    const sessions = (await sessionsOf(req, user)).map(({ name, signedInAt, current }) => ({
      ...{ name, current },
      signedIn: moment(signedInAt),
    }));
    const page = { sessions, hasOthers: sessions.some(({ current }) => !current) };
    res.render('portal/sessions', { page, csrfToken: csrf.token(req) });
  });

  router.get('/api/sessions', async (req, res) => {
    const sessions = (await sessionsOf(req, userOf(req))).map(({ name, signedInAt, current }) => ({
      id: name,
      signedInAt: new Date(signedInAt).toISOString(),
      current,
    }));
    res.json({ sessions });
  });

  return router;
}
