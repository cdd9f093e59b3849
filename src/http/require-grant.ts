import type { Request, RequestHandler, Response } from 'express';
import { type ApiClient, type AroundCall, createApiClient } from '../fullscript/api-client.js';
import type { ApiMeasures } from '../fullscript/api-measures.js';
import type { Grant, GrantKey } from '../grants/grant.js';
import type { TokenRefresher } from '../grants/token-refresher.js';
import type { Registration, RegistrationId } from '../oauth/registration.js';
import { NotSignedInError } from './errors.js';
import { isApi } from './is-api.js';
import { readAheadOf } from './read-session.js';
import { signedIn } from './signed-in.js';

/** What a route behind `requireGrant` works with. */
export interface Fullscript {
  /** The API as this user sees it; its bearer is attached, renewed and retried by itself. */
  readonly api: ApiClient;
  /** For whom it acts. */
  readonly key: GrantKey;
  /** The grant as it was when the request came. */
  readonly grant: Grant;
}

const LOCAL = 'fullscript';

/** What `requireGrant` has put there for this request. */
export function fullscriptOf(res: Response): Fullscript {
  return res.locals[LOCAL] as Fullscript;
}

/**
 * Lets a request through that belongs to a signed-in user with a working grant, and hands the route
 * an API client. Without a session a page is sent to sign in and comes back afterwards; `/api/*`
 * gets 401. The owner comes from the session alone, never from the request.
 *
 * @throws NotSignedInError, GrantNotFoundError, NeedsReconnectError and what a refresh throws.
 */
export function requireGrant(deps: {
  refresher: TokenRefresher;
  registration: (id: RegistrationId) => Registration;
  apiTimeoutMs: number;
  signInPath: (req: Request) => string;
  aroundCall?: AroundCall | undefined;
  metrics?: {
    /** Told of every call of the API. */
    readonly api: ApiMeasures;
  };
}): RequestHandler {
  const { refresher, registration, apiTimeoutMs: timeoutMs, signInPath, aroundCall } = deps;
  return async (req, res, next) => {
    const user = signedIn(req);
    if (user === undefined) {
      if (isApi(req.originalUrl)) throw new NotSignedInError();
      res.redirect(303, signInPath(req));
      return;
    }
    const ahead = readAheadOf(req);
    const grant = await (ahead ? refresher.currentOf(ahead) : refresher.current(user.key));
    const { apiUrl } = registration(user.key.registration).server;
    const tokenSource = {
      current: () => Promise.resolve(grant.tokens.accessToken.reveal()),
      replacing: async (rejected: string) =>
        (await refresher.current(user.key, rejected)).tokens.accessToken.reveal(),
      replaced: (accepted: boolean) => {
        refresher.renewed(user.key, accepted);
      },
    };
    const measures = deps.metrics?.api;
    const api = createApiClient({ apiUrl, tokenSource, timeoutMs, aroundCall, measures });
    res.locals[LOCAL] = { api, key: user.key, grant } satisfies Fullscript;
    next();
  };
}
