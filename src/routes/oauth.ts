import { type Request, type RequestHandler, type Response, Router } from 'express';
import type { DisconnectOutcome } from '../grants/grant-events.js';
import { EarlierFailureError, StoreUnavailableError, UserDisabledError } from '../grants/errors.js';
import { type GrantKey, grantId } from '../grants/grant.js';
import { unusedTtl } from '../grants/user-sessions.js';
import {
  type FinishedSignIn,
  type NewSignIn,
  type SignIn,
  codeOfFailure,
} from '../grants/sign-in.js';
import type { TokenRefresher } from '../grants/token-refresher.js';
import type { Audit } from '../http/audit.js';
import type { Binding, BindingCookies } from '../http/binding-cookie.js';
import type { DeviceCookie } from '../http/device-cookie.js';
import { offerSignInAgain, offerStartAgain } from '../http/error-handler.js';
import { RouteError } from '../http/errors.js';
import { formField } from '../http/form-field.js';
import { navigationOf } from '../http/navigation.js';
import type { RateLimits } from '../http/rate-limits.js';
import { parseReturnTo } from '../http/return-to.js';
import type { SessionLifetime, SessionStore } from '../http/session.js';
import type { SignOutMark } from '../http/sign-out-mark.js';
import { endStoredSession, signedIn, startSession, userOf } from '../http/signed-in.js';
import { visitorOf } from '../http/visitor.js';
import { AuthorizationResponseError } from '../oauth/errors.js';
import type { Registration, RegistrationId } from '../oauth/registration.js';
import { type Wanted, authorizePath, landingPath } from './landing.js';

export interface OAuthRoutesDeps {
  readonly signIn: SignIn;
  readonly refresher: Pick<TokenRefresher, 'tryAgain' | 'renew'>;
  readonly disconnect: (key: GrantKey) => Promise<DisconnectOutcome>;
  readonly bindings: BindingCookies;
  readonly sessionStore: Pick<SessionStore, 'destroy' | 'useOf' | 'endIdlest' | 'nameOf'>;
  readonly sessionLifetime: Pick<SessionLifetime, 'idleMs'>;
  readonly giveSessionCookie: (res: Response, id: string) => void;
  /** Sessions that a user may have; 0, and nothing said, for any number. */
  readonly mostSessions?: number;
  readonly devices: DeviceCookie;
  /** Throws where the session cookie could not be set. */
  readonly requireHttps: (req: Request) => void;
  readonly signOutMark: Pick<SignOutMark, 'clear'>;
  readonly limits: RateLimits;
  /** The first one is the default. */
  readonly registrations: readonly Registration[];
  readonly baseUrl: string;
  readonly now: () => number;
  readonly onSignIn: (outcome: string, tookMs: number) => void;
  readonly audit: Audit;
  /** Where a sign-in starts that leads to `returnTo`. */
  readonly signInPath: (returnTo: string | undefined) => string;
}

/** Sign-in with Fullscript, and its end. */
export function oauthRoutes(deps: OAuthRoutesDeps): Router {
  const router = Router({ caseSensitive: true });
  const { limits } = deps;
  router.get('/oauth/authorize', noHead, deliberate(deps), limits.start, authorize(deps));
  for (const path of callbackPaths(deps.registrations)) {
    router.get(path, noHead, limits.callback, callback(deps));
  }
  router.post('/oauth/refresh', limits.refresh, refresh(deps));
  router.post('/oauth/disconnect', limits.disconnect, disconnect(deps));
  return router;
}

/** Express answers HEAD with the GET route; these two change something, which HEAD must not. */
const noHead: RequestHandler = (req, _res, next) => {
  if (req.method === 'HEAD') throw new RouteError('not_found');
  next();
};

/** Where Fullscript sends browsers back to, as Express matches it. */
export function callbackPaths(registrations: readonly Registration[]): RegExp[] {
  const paths = new Set(registrations.map(({ redirectUri }) => new URL(redirectUri).pathname));
  return [...paths].map(exactly);
}

/** A path as Express matches it, with nothing in it read as a pattern. */
function exactly(path: string): RegExp {
  return new RegExp(`^${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/?$`);
}

/**
 * Lets starts through that somebody meant. Ahead of the limit: another site could use it up with images
 * of this address.
 */
function deliberate(deps: OAuthRoutesDeps): RequestHandler {
  return (req, res, next) => {
    const navigation = navigationOf(req, deps.baseUrl);
    if (navigation === 'embedded') throw new RouteError('navigation_refused');
    const { id } = wanted(deps.registrations, req.query['registration']);
    if (navigation === 'deliberate') {
      next();
      return;
    }
    const returnTo = parseReturnTo(req.query['returnTo'], deps.baseUrl);
    const registration = req.query['registration'] === undefined ? undefined : id;
    res.redirect(303, landingPath({ returnTo: returnTo ?? '/portal', registration }));
  };
}

function authorize(deps: OAuthRoutesDeps): RequestHandler {
  const { signIn, bindings, limits, audit } = deps;
  return async (req, res) => {
    const registration = wanted(deps.registrations, req.query['registration']);
    const returnTo = parseReturnTo(req.query['returnTo'], deps.baseUrl);
    const sessionId = signedIn(req) === undefined ? undefined : req.sessionID;
    const started = await signIn.start({
      ...{ registration, returnTo, sessionId, address: limits.address(req) },
    });
    const dropped = bindings.set(req, res, { ...started, startedBy: limits.startedBy(req) });
    await signIn.drop(dropped);
    audit('sign_in_started', { registration: registration.id, message: 'sign-in started' });
    // Without the page that `redirect` adds, which would repeat the address and the state in it.
    res.status(303).location(started.location).end();
  };
}

function wanted(registrations: readonly Registration[], id: unknown): Registration {
  const found = id === undefined ? registrations[0] : registrations.find((r) => r.id === id);
  if (found === undefined) throw new RouteError('registration_unknown');
  return found;
}

function callback(deps: OAuthRoutesDeps): RequestHandler {
  const { signIn, sessionStore, limits, now, onSignIn, audit } = deps;
  return async (req, res) => {
    const query = new URL(req.originalUrl, deps.baseUrl).searchParams;
    const startedAt = performance.now();
    const tell = (outcome: string) => onSignIn(outcome, performance.now() - startedAt);
    const left = new AbortController();
    res.once('close', () => left.abort());
    let who: GrantKey | undefined;
    let came: NewSignIn['came'] | undefined;
    try {
      const { finished, startedBy } = await finish(deps, { req, res, query, signal: left.signal });
      if ('begun' in finished) {
        res.redirect(303, finished.wanted.returnTo ?? '/portal');
        return;
      }
      const { key, returnTo, sessionId } = finished;
      [who, came] = [key, finished.came];
      await limits.signIn(req, res, key);
      const isAnother = sessionId !== undefined && sessionId !== req.sessionID;
      if (isAnother) await endStoredSession(sessionStore, sessionId);
      const visitor = visitorOf(req);
      await startSession(req, { key, at: now(), ...visitor }, () => signIn.admit(key));
      await came({ sessionId: req.sessionID }, unusedTtl(deps.sessionLifetime.idleMs));
      await endIdlest(deps, req, key);
      deps.devices.keep(req, res);
      deps.signOutMark.clear(req, res);
      limits.giveBack(startedBy);
      tell('success');
      audit('signed_in', { key, ...visitor, message: 'signed in' });
      res.redirect(303, returnTo ?? '/portal');
    } catch (error) {
      // It waited for another callback, whose browser this one was.
      if (error === left.signal.reason) return;
      await came?.({ failure: codeOfFailure(error) });
      const before = isUnknownState(error) ? await finishedHere(signIn, req, query) : undefined;
      if (before?.isSameAnswer === true) {
        // A reload, or the back button, after everything went well.
        res.redirect(303, before.returnTo ?? '/portal');
        return;
      }
      const failure = before === undefined ? error : answeredBefore(res, before);
      // Told of when it failed.
      if (failure instanceof EarlierFailureError) throw failure;
      const reason = codeOfFailure(failure);
      tell(reason);
      const key = error instanceof UserDisabledError ? error.key : who;
      const failed = { key, reason, message: 'sign-in failed' };
      audit('sign_in_failed', { ...failed, ...visitorOf(req), level: 'warn' });
      throw failure;
    }
  };
}

/** Nobody looks after sessions that a program begins with each of its runs. Where it fails, the next sign-in does it. */
async function endIdlest(deps: OAuthRoutesDeps, req: Request, key: GrantKey): Promise<void> {
  const { sessionStore, mostSessions: most = 0, audit } = deps;
  if (most === 0) return;
  const current = sessionStore.nameOf(req.sessionID);
  try {
    const sessions = await sessionStore.endIdlest(grantId(key), { most, current });
    if (sessions === 0) return;
    const message = 'a new session, and too many: those that were not used for longest ended';
    audit('sessions_ended', { key, reason: 'session_limit', sessions, message });
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
  }
}

type FinishedHere = FinishedSignIn & { readonly registration: RegistrationId };

/** What this state has led to before, for the browser that was signed in by it and still is. */
async function finishedHere(
  signIn: SignIn,
  req: Request,
  query: URLSearchParams,
): Promise<FinishedHere | undefined> {
  const finished = await signIn.finished(query);
  const user = signedIn(req);
  if (finished === undefined || user === undefined) return undefined;
  if (grantId(user.key) !== finished.grantId) return undefined;
  return { ...finished, registration: user.key.registration };
}

/**
 * Back to Fullscript, another account or a no: the state is spent, and leading on by it would open the portal as
 * the person of the first answer without a word.
 */
function answeredBefore(res: Response, { registration, returnTo }: FinishedHere): Error {
  offerSignInAgain(res, authorizePath({ registration, returnTo }));
  return new AuthorizationResponseError('state_answered');
}

/**
 * The binding cookie goes when the sign-in is spent. Before that, when the store failed, a reload may
 * still succeed; after that there is nothing to try again, only to start again.
 */
async function finish(
  deps: OAuthRoutesDeps,
  at: { req: Request; res: Response; query: URLSearchParams; signal: AbortSignal },
) {
  const { req, res, query, signal } = at;
  let stateId: string | undefined;
  let held: Binding | undefined;
  const bindingOf = (id: string) => {
    stateId = id;
    held = deps.bindings.get(req, id);
    // Of a browser that came by https, or it would not hold the cookie. Ahead of the exchange: a reload still
    // succeeds when the server has been put right.
    if (held !== undefined) deps.requireHttps(req);
    return held?.binding;
  };
  const spent = (wantedThen: Wanted) => {
    offerStartAgain(res, landingPath(wantedThen));
    offerSignInAgain(res, authorizePath(wantedThen));
    if (stateId !== undefined) deps.bindings.clear(res, stateId);
  };
  const finished = await deps.signIn.finish({ query, bindingOf, onTaken: spent, signal });
  if ('begun' in finished) {
    const use = await deps.sessionStore.useOf(finished.begun);
    spent(finished.wanted);
    if (use === 'ended') throw new AuthorizationResponseError('state_unknown', 'finished already');
    if (use === 'unused') await handOver(deps, { req, res }, finished.begun);
  }
  return { finished, startedBy: held?.startedBy ?? '' };
}

/**
 * Gives the browser the session that the same callback has begun before, as the answer would have that may not have
 * arrived. Once a request has shown that session, a browser that has it needs no more.
 */
async function handOver(
  { sessionStore, giveSessionCookie, devices, signOutMark }: OAuthRoutesDeps,
  { req, res }: { req: Request; res: Response },
  begun: string,
): Promise<void> {
  const isAnother = signedIn(req) !== undefined && req.sessionID !== begun;
  if (isAnother) await endStoredSession(sessionStore, req.sessionID);
  giveSessionCookie(res, begun);
  devices.keep(req, res);
  signOutMark.clear(req, res);
}

function isUnknownState(error: unknown): boolean {
  return error instanceof AuthorizationResponseError && error.code === 'state_unknown';
}

/**
 * "Try again" after a refresh that failed, or, with `now=yes`, "Refresh now". The page it stands on may
 * outlive the session; whoever clicks it then signs in, and comes to the page that was wanted all the same.
 */
function refresh({ refresher, baseUrl, signInPath }: OAuthRoutesDeps): RequestHandler {
  return async (req, res) => {
    const wantedPage = parseReturnTo(formField(req, 'returnTo'), baseUrl) ?? '/portal';
    const user = signedIn(req);
    const isWish = formField(req, 'now') === 'yes';
    if (user !== undefined)
      await (isWish ? refresher.renew(user.key) : refresher.tryAgain(user.key));
    res.redirect(303, user === undefined ? signInPath(wantedPage) : wantedPage);
  };
}

/** `here`: forgotten here, and not confirmed by Fullscript yet. */
const SHOWN = { revoked: 'yes', retrying: 'here', unreadable: 'unreadable' } as const;

function disconnect(deps: OAuthRoutesDeps): RequestHandler {
  return async (req, res) => {
    const outcome = await deps.disconnect(userOf(req).key);
    res.redirect(303, `/portal?disconnected=${SHOWN[outcome]}`);
  };
}
