import { type ErrorRequestHandler, Router } from 'express';
import { GrantNotFoundError, NeedsReconnectError } from '../grants/errors.js';
import { reconnectCause } from '../http/reconnect-causes.js';
import { signedIn } from '../http/signed-in.js';
import { catalogRoutes } from './catalog.js';
import { type HomeDeps, home } from './home.js';
import { authorizePath } from './landing.js';
import { patientRoutes } from './patients.js';
import { teamRoutes } from './team.js';

/** The practitioner portal: pages of people who are signed in and connected. */
export function portalRoutes(deps: HomeDeps): Router {
  const router = Router({ caseSensitive: true });
  router.get('/portal', deps.requireGrant, home(deps));
  router.get('/portal/disconnect', deps.requireGrant, (_req, res) => {
    res.render('portal/disconnect');
  });
  router.use(patientRoutes(deps), teamRoutes(deps), catalogRoutes(deps));
  router.use('/portal', offerReconnect);
  return router;
}

/** Pages say what is the matter with the connection and offer to mend it, signed in as they are. */
// eslint-disable-next-line max-params -- Express tells error handlers by their four parameters
const offerReconnect: ErrorRequestHandler = (error: unknown, req, res, next) => {
  const user = signedIn(req);
  const gone = error instanceof GrantNotFoundError;
  if (user === undefined || !(gone || error instanceof NeedsReconnectError)) {
    next(error);
    return;
  }
  const wanted = req.method === 'GET' ? req.originalUrl.split('?')[0] : undefined;
  const returnTo = wanted === '/portal/disconnect' ? '/portal' : wanted;
  const page = {
    disconnected: gone,
    cause: gone ? undefined : reconnectCause(error.reason),
    retrying: req.query['disconnected'] === 'here',
    unreadable: req.query['disconnected'] === 'unreadable',
    href: authorizePath({ registration: user.key.registration, returnTo: returnTo ?? '/portal' }),
  };
  res.status(gone ? 200 : 401).render('portal/reconnect', { page });
};
