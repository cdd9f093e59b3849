import { type RequestHandler, Router } from 'express';
import { type Clinic, type Person, getClinic, getResourceOwner } from '../fullscript/clinic.js';
import { ApiPathError, FullscriptApiError } from '../fullscript/errors.js';
import { GrantNotFoundError, NeedsReconnectError } from '../grants/errors.js';
import type { Csrf } from '../http/csrf.js';
import { type Fullscript, fullscriptOf } from '../http/require-grant.js';
import { signedIn } from '../http/signed-in.js';
import type { RegistrationId } from '../oauth/registration.js';
import { missingScope } from '../oauth/scope.js';
import { authorizePath } from './landing.js';
import { moment } from './moment.js';

/** The practitioner portal: what Fullscript knows about the person who is signed in. */
export function portalRoutes(deps: {
  requireGrant: RequestHandler;
  csrf: Csrf;
  /** What the application cannot do without. */
  wantedScope: (id: RegistrationId) => readonly string[];
}): Router {
  const { requireGrant, csrf, wantedScope } = deps;
  const router = Router({ caseSensitive: true });

  router.get('/portal', requireGrant, async (req, res) => {
    const fullscript = fullscriptOf(res);
    const home = await portalHome(fullscript, wantedScope(fullscript.key.registration));
    res.render('portal/home', { page: home, csrfToken: csrf.token(req) });
  });

  router.use('/portal', offerReconnect(csrf));
  return router;
}

/** Why a connection that nobody ended here does not work any more. */
const CAUSES: Record<string, string> = {
  refresh_token_refused:
    'Fullscript no longer accepts it: it was removed in your Fullscript account, or a renewal was cut off half-way.',
  no_refresh_token: 'It has run out, and Fullscript gave us nothing to renew it with.',
};

/** Pages say what is the matter with the connection and offer to mend it, signed in as they are. */
function offerReconnect(csrf: Csrf): import('express').ErrorRequestHandler {
  // eslint-disable-next-line max-params -- Express tells error handlers by their four parameters
  return (error: unknown, req, res, next) => {
    const user = signedIn(req);
    const gone = error instanceof GrantNotFoundError;
    if (user === undefined || !(gone || error instanceof NeedsReconnectError)) {
      next(error);
      return;
    }
    const page = {
      disconnected: gone,
      cause: error instanceof NeedsReconnectError ? CAUSES[error.reason] : undefined,
      retrying: req.query['disconnected'] === 'here',
      unreadable: req.query['disconnected'] === 'unreadable',
      href: authorizePath({ registration: user.key.registration, returnTo: '/portal' }),
    };
    res.status(gone ? 200 : 401).render('portal/reconnect', { page, csrfToken: csrf.token(req) });
  };
}

/** What the home page shows. A part that Fullscript withholds leaves a gap with its reason. */
async function portalHome({ api, key, grant }: Fullscript, wanted: readonly string[]) {
  const [clinic, person] = await Promise.all([
    orReason<Clinic | undefined>(getClinic(api)),
    orReason<Person | undefined>(getResourceOwner(api, key.owner)),
  ]);
  return {
    clinic: clinic.value,
    clinicProblem: clinic.problem,
    person: person.value,
    personProblem: person.problem,
    type: key.owner.type,
    legacyClinic: key.owner.type === 'Clinic',
    registration: key.registration,
    scopes: [...grant.tokens.scope],
    missing: missingScope(wanted, grant.tokens.scope),
    expires: moment(grant.tokens.expiresAt),
    connected: moment(grant.connectedAt),
    reconnectHref: authorizePath({ registration: key.registration, returnTo: '/portal' }),
  };
}

async function orReason<T>(call: Promise<T>): Promise<{ value?: T; problem?: string }> {
  try {
    return { value: await call };
  } catch (error) {
    // An id may be such that no path can carry it; then there is a gap too.
    if (!(error instanceof FullscriptApiError || error instanceof ApiPathError)) throw error;
    return {
      problem:
        error.code === 'fullscript_forbidden'
          ? 'The application lacks the permission clinic:read. If it was added lately, connect again.'
          : 'Fullscript did not answer this. Please reload in a moment.',
    };
  }
}
