import type { Request, RequestHandler, Response } from 'express';
import { type ApiClient, type AroundCall, createApiClient } from '../fullscript/api-client.js';
import type { ApiMeasures } from '../fullscript/api-measures.js';
import type { Grant, GrantKey } from '../grants/grant.js';
import type { TokenRefresher } from '../grants/token-refresher.js';
import type { Registration, RegistrationId } from '../oauth/registration.js';
import { NotSignedInError } from './errors.js';
import { isApi } from './is-api.js';
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

export interface FullscriptDeps {
  readonly refresher: Pick<TokenRefresher, 'current' | 'renewed'>;
  readonly registration: (id: RegistrationId) => Registration;
  readonly apiTimeoutMs: number;
  readonly aroundCall?: AroundCall | undefined;
  readonly metrics?: {
    /** Told of every call of the API. */
    readonly api: ApiMeasures;
  };
}

/** Makes the API as the owner of a grant sees it. */
export function fullscriptFor(deps: FullscriptDeps): (key: GrantKey, grant: Grant) => Fullscript {
  const { refresher, registration, apiTimeoutMs: timeoutMs, aroundCall } = deps;
  const measures = deps.metrics?.api;
  return (key, grant) => {
    const { apiUrl } = registration(key.registration).server;
    const tokenSource = {
      current: () => Promise.resolve(grant.tokens.accessToken.reveal()),
      replacing: async (rejected: string) =>
        (await refresher.current(key, rejected)).tokens.accessToken.reveal(),
      replaced: (accepted: boolean) => {
        refresher.renewed(key, accepted);
      },
    };
    const api = createApiClient({ apiUrl, tokenSource, timeoutMs, aroundCall, measures });
    return { api, key, grant };
  };
}

/**
 * Lets a request through that belongs to a signed-in user with a working grant, and hands the route
 * an API client. Without a session a page is sent to sign in and comes back afterwards; `/api/*`
 * gets 401. The owner comes from the session alone, never from the request.
 *
 * @throws NotSignedInError, GrantNotFoundError, NeedsReconnectError and what a refresh throws.
 */
export function requireGrant(
  deps: FullscriptDeps & { signInPath: (req: Request) => string },
): RequestHandler {
  const { refresher, signInPath } = deps;
  const fullscript = fullscriptFor(deps);
  return async (req, res, next) => {
    const user = signedIn(req);
    if (user === undefined) {
      if (isApi(req.originalUrl)) throw new NotSignedInError();
      res.redirect(303, signInPath(req));
      return;
    }
    res.locals[LOCAL] = fullscript(user.key, await refresher.current(user.key));
    next();
  };
}
