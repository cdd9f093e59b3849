import type { ServerResponse } from 'node:http';
import type { Request, RequestHandler, Response } from 'express';
import { type ApiClient, type AroundCall, createApiClient } from '../fullscript/api-client.js';
import { type AnswerRoom, createAnswerRoom } from '../fullscript/answer-room.js';
import type { ApiMeasures } from '../fullscript/api-measures.js';
import { type CallTurns, createCallTurns } from '../fullscript/call-turns.js';
import { type Grant, type GrantKey, grantId } from '../grants/grant.js';
import type { TokenRefresher } from '../grants/token-refresher.js';
import type { Registration, RegistrationId } from '../oauth/registration.js';
import { NotSignedInError } from './errors.js';
import { isApi } from './is-api.js';
import { signedIn } from './signed-in.js';
import { waitingFor } from './waiting-client.js';

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
  /** Shared by all that call the API in a process; each middleware has its own otherwise. */
  readonly turns?: CallTurns;
  /** Shared in the same way: what is kept of answers until their clients have them. */
  readonly answerRoom?: AnswerRoom;
  readonly metrics?: {
    /** Told of every call of the API. */
    readonly api: ApiMeasures;
  };
}

/**
 * The API as the owner of a grant sees it.
 *
 * @param res the answer that the calls are for: those that wait for their turn are dropped with it.
 */
export type FullscriptFor = (key: GrantKey, grant: Grant, res: ServerResponse) => Fullscript;

/** Makes the API as owners of grants see it. */
export function fullscriptFor(deps: FullscriptDeps): FullscriptFor {
  const { refresher, registration, apiTimeoutMs: timeoutMs, aroundCall } = deps;
  const { turns = createCallTurns(), answerRoom = createAnswerRoom() } = deps;
  const measures = deps.metrics?.api;
  return (key, grant, res) => {
    const client = waitingFor(res);
    const { apiUrl } = registration(key.registration).server;
    const tokenSource = {
      current: () => Promise.resolve(grant.tokens.accessToken.reveal()),
      replacing: async (rejected: string) =>
        (await refresher.current(key, rejected)).tokens.accessToken.reveal(),
      replaced: (accepted: boolean) => {
        refresher.renewed(key, accepted);
      },
    };
    const takeTurn = (origin: string) => turns.take({ origin, user: grantId(key), client });
    const holdAnswer = () => answerRoom.open({ user: grantId(key), client });
    const calls = { timeoutMs, aroundCall, measures, takeTurn, holdAnswer };
    const api = createApiClient({ apiUrl, tokenSource, ...calls });
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
    res.locals[LOCAL] = fullscript(user.key, await refresher.current(user.key), res);
    next();
  };
}
