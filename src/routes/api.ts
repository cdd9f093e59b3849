import { type RequestHandler, Router } from 'express';
import type { Csrf } from '../http/csrf.js';
import { inTurn } from '../http/in-turn.js';
import { type ReadSessionDeps, readSession } from '../http/read-session.js';
import { type ApiSessionDeps, apiSessionRoutes } from './api-session.js';
import { gatewayRoutes } from './gateway.js';

export interface ApiRoutesDeps extends ApiSessionDeps, ReadSessionDeps {
  readonly csrf: Csrf;
  readonly limit: RequestHandler;
  readonly requireGrant: RequestHandler;
  /** Paths that belong to somebody else, wherever they lie. */
  readonly except: readonly RegExp[];
}

const PATHS = ['/api/session', '/api/fullscript'];

/**
 * What front ends call all the time: who is signed in, and the gateway. They come ahead of what only pages
 * and sign-ins need, and read the session without being able to change it.
 */
export function apiRoutes(deps: ApiRoutesDeps): RequestHandler {
  const { csrf, limit, requireGrant, except } = deps;
  const router = Router({ caseSensitive: true });
  router.use(PATHS, inTurn(readSession(deps), csrf.protect, limit));
  router.use(apiSessionRoutes(deps));
  router.use(gatewayRoutes({ requireGrant }));
  return (req, res, next) => {
    if (except.some((path) => path.test(req.path))) next();
    else router(req, res, next);
  };
}
