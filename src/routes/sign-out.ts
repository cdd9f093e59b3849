import { type Request, type Response, Router } from 'express';
import { StoreUnavailableError } from '../grants/errors.js';
import { grantId } from '../grants/grant.js';
import type { OpenSignIn, SignIn } from '../grants/sign-in.js';
import type { Audit } from '../http/audit.js';
import type { BindingCookies } from '../http/binding-cookie.js';
import { formField } from '../http/form-field.js';
import { type LateSessionEnds, unlessStoreFails, unreadSession } from '../http/leaving.js';
import type { RateLimits } from '../http/rate-limits.js';
import type { SessionStore } from '../http/session.js';
import { endSession, endStoredSession, signedIn, userOf } from '../http/signed-in.js';
import type { SignOutMark } from '../http/sign-out-mark.js';
import { visitorOf } from '../http/visitor.js';

export interface SignOutDeps {
  readonly sessionStore: Pick<SessionStore, 'nameOf' | 'endOne' | 'endAll' | 'destroy'>;
  readonly bindings: Pick<BindingCookies, 'held' | 'clear'>;
  readonly signIn: Pick<SignIn, 'drop'>;
  /** For sessions that the store does not end now. */
  readonly lateEnds: Pick<LateSessionEnds, 'add'>;
  readonly clearSessionCookie: (res: Response) => void;
  readonly signOutMark: Pick<SignOutMark, 'set'>;
  readonly audit: Audit;
  readonly limits: Pick<RateLimits, 'signOut'>;
}

/**
 * Ends sessions. The grant stays: signing out is not disconnecting. Leaving works whatever the store does:
 * where it does not remove the session, the browser gives its cookie back all the same, and the page that
 * follows says what is left to be done.
 */
export function signOutRoutes(deps: SignOutDeps): Router {
  const { sessionStore, audit } = deps;
  const limit = unlessStoreFails(deps.limits.signOut);
  const router = Router({ caseSensitive: true });

  router.post('/sign-out', limit, (req, res) => signOut(deps, req, res));

  router.post('/sign-out/everywhere', limit, async (req, res) => {
    const failure = await failureOf(endEverywhere(deps, req));
    await signOut(deps, req, res, failure);
  });

  router.post('/sign-out/others', deps.limits.signOut, async (req, res) => {
    const { key } = userOf(req);
    const sessions = await sessionStore.endAll(grantId(key), sessionStore.nameOf(req.sessionID));
    const message = 'all other sessions ended';
    audit('sessions_ended', { key, ...visitorOf(req), sessions, message });
    res.redirect(303, '/portal/account');
  });

  router.post('/sign-out/session', limit, async (req, res) => {
    const name = formField(req, 'session') ?? '';
    if (name === sessionStore.nameOf(req.sessionID)) return signOut(deps, req, res);
    const { key } = knownUserOf(req);
    // One that is not there any more, or never was this user's: the list shows what there is.
    const sessions = Number(await sessionStore.endOne(grantId(key), name));
    const message = 'session ended from another one';
    audit('sessions_ended', { key, ...visitorOf(req), sessions, message });
    res.redirect(303, '/portal/account');
  });

  return router;
}

/** @throws StoreUnavailableError when it is not known who that is, NotSignedInError for a stranger. */
function knownUserOf(req: Request) {
  const unread = unreadSession(req);
  if (unread !== undefined) throw unread;
  return userOf(req);
}

/** @throws StoreUnavailableError */
async function endEverywhere({ sessionStore, audit }: SignOutDeps, req: Request): Promise<void> {
  if (signedIn(req) === undefined && unreadSession(req) === undefined) return;
  const { key } = knownUserOf(req);
  const sessions = await sessionStore.endAll(grantId(key));
  const message = 'signed out on all devices';
  audit('signed_out_everywhere', { key, ...visitorOf(req), sessions, message });
}

/** @param others why the other sessions of the user were not ended, where they should have been. */
// eslint-disable-next-line max-params -- as its route has them, and one more
async function signOut(
  deps: SignOutDeps,
  req: Request,
  res: Response,
  others?: StoreUnavailableError,
): Promise<void> {
  const user = signedIn(req);
  // Nobody waits twice for a store that is silent.
  const failure = others ?? unreadSession(req) ?? (await failureOf(endSession(req)));
  const open = deps.bindings.held(req);
  for (const { stateId } of open) deps.bindings.clear(res, stateId);
  // Their cookies are gone in any case, and with them what they could lead to.
  if (failure === undefined) await failureOf(endSignIns(deps, open));
  if (failure !== undefined) deps.lateEnds.add(req.sessionID);
  if (user !== undefined || failure !== undefined) {
    deps.audit('signed_out', { key: user?.key, ...visitorOf(req), ...told(failure) });
  }
  deps.clearSessionCookie(res);
  deps.signOutMark.set(res);
  const left = others === undefined ? 'here' : 'only-here';
  res.redirect(303, failure === undefined ? '/' : `/?signedOut=${left}`);
}

/** Ends the sign-ins of this browser, with sessions that they began and it may not have heard of. */
async function endSignIns(
  { signIn, sessionStore }: SignOutDeps,
  open: readonly OpenSignIn[],
): Promise<void> {
  for (const begun of await signIn.drop(open)) await endStoredSession(sessionStore, begun);
}

function told(err: StoreUnavailableError | undefined) {
  if (err === undefined) return { message: 'signed out' };
  const message =
    'signed out in the browser; the store did not end the session, which is tried again';
  return { err, outcome: 'cookie_only', level: 'warn' as const, message };
}

/** Why the store did not do it. @throws what is not the store's failure */
async function failureOf(work: Promise<void>): Promise<StoreUnavailableError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof StoreUnavailableError) return error;
    throw error;
  }
}
