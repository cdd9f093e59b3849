import type { IncomingMessage, RequestListener } from 'node:http';
import { fileURLToPath } from 'node:url';
import express, { type Express } from 'express';
import type { Logger } from 'pino';
import type { AroundCall } from './fullscript/api-client.js';
import type { AnswerRoom } from './fullscript/answer-room.js';
import type { CallTurns } from './fullscript/call-turns.js';
import type { ConnectionSignals } from './grants/connection-signals.js';
import type { DisconnectOutcome } from './grants/grant-events.js';
import type { GrantKey } from './grants/grant.js';
import type { SignIn } from './grants/sign-in.js';
import type { TokenRefresher } from './grants/token-refresher.js';
import type { UserActivity } from './grants/user-activity.js';
import type { Vault } from './grants/vault.js';
import type { Audit } from './http/audit.js';
import type { BindingCookies } from './http/binding-cookie.js';
import type { Admission } from './http/admission.js';
import { arrivals } from './http/arrivals.js';
import { assetVersion } from './http/asset-version.js';
import { type AnswerBusy, createBusyAnswer } from './http/busy-answer.js';
import { createCsrf } from './http/csrf.js';
import type { DeviceCookie } from './http/device-cookie.js';
import { guardDoor } from './http/door.js';
import { errorHandler } from './http/error-handler.js';
import { clientView, peerOf } from './http/client-view.js';
import { goOn, goingOn } from './http/going-on.js';
import { formTargets } from './http/form-targets.js';
import { inTurn } from './http/in-turn.js';
import { isApi } from './http/is-api.js';
import { type LateSessionEnds, leavingUnread } from './http/leaving.js';
import type { LiveStreams } from './http/live-streams.js';
import { oneName } from './http/one-name.js';
import type { OwnerTags } from './http/owner-tags.js';
import type { RateLimits } from './http/rate-limits.js';
import { parseReturnTo } from './http/return-to.js';
import { requestId } from './http/request-id.js';
import { rememberUser, requestLog } from './http/request-log.js';
import { fullscriptFor, requireGrant } from './http/require-grant.js';
import {
  type SetHeaders,
  noReferrer,
  noStore,
  securityHeaders,
  settingHeaders,
} from './http/security-headers.js';
import {
  type SameSite,
  type SessionLifetime,
  type SessionStore,
  clearSessionCookie,
  giveSessionCookie,
  sessions,
  shownSessionId,
} from './http/session.js';
import { readSchemeWithoutCase, requireHttps } from './http/seen-https.js';
import { createSessionReader } from './http/session-reader.js';
import { createSignOutMark, markEndedSessions } from './http/sign-out-mark.js';
import { visitorOf } from './http/visitor.js';
import type { Metrics } from './metrics/metrics.js';
import type { Registration, RegistrationId } from './oauth/registration.js';
import type { Secret } from './oauth/secret.js';
import { reportFailure, reportRequest } from './reports.js';
import { pageLocals } from './http/page-locals.js';
import { accountRoutes } from './routes/account.js';
import { apiSessionRoutes } from './routes/api-session.js';
import { type StreamTiming, eventRoutes } from './routes/events.js';
import { gatewayRoutes } from './routes/gateway.js';
import { type HealthRoutesDeps, healthRoutes, nothingHere } from './routes/health.js';
import { authorizePath, landingPath, landingRoutes } from './routes/landing.js';
import { callbackPaths, oauthRoutes } from './routes/oauth.js';
import { portalRoutes } from './routes/portal.js';
import { signOutRoutes } from './routes/sign-out.js';
import { usualCalls } from './routes/usual-calls.js';

export interface AppDeps {
  readonly baseUrl: string;
  readonly trustProxy: string | number | boolean;
  readonly registrations: readonly Registration[];
  readonly registration: (id: RegistrationId) => Registration;
  /** Where people steer the simulator, while one stands in for Fullscript. */
  readonly simulatorUrl: string | undefined;
  readonly signIn: SignIn;
  readonly disconnect: (key: GrantKey) => Promise<DisconnectOutcome>;
  readonly refresher: TokenRefresher;
  readonly vault: Vault;
  readonly bindings: BindingCookies;
  readonly devices: DeviceCookie;
  readonly limits: RateLimits;
  readonly signals: ConnectionSignals;
  readonly streams: LiveStreams;
  /** How often and how long event streams live, unless as usual. */
  readonly streamTiming?: StreamTiming | undefined;
  readonly sessionStore: SessionStore;
  readonly lateEnds: LateSessionEnds;
  readonly activity: Pick<UserActivity, 'list'>;
  readonly sessionSecrets: readonly [Secret, ...Secret[]];
  readonly sessionLifetime: SessionLifetime;
  /** Of one user; 0 for no limit. */
  readonly mostSessions: number;
  readonly sameSite: SameSite;
  readonly ping: () => Promise<void>;
  /** Whether the store takes writes. */
  readonly tryWrite: HealthRoutesDeps['tryWrite'];
  /** Whether the end of this process has been announced. */
  readonly draining: () => boolean;
  /** How many refreshed pairs wait in the journal. */
  readonly unsaved: () => number;
  readonly audit: Audit;
  readonly ownerTags: OwnerTags;
  readonly metrics: Metrics;
  readonly metricsToken: Secret | undefined;
  /** Lets in as many requests as this process gets through. */
  readonly admission: Admission;
  /** Makes each request a part of a trace, where traces are wanted. */
  readonly spans: express.RequestHandler;
  /** Whether usual calls are answered ahead of Express; where each step is traced, Express does it all. */
  readonly usualCalls: boolean;
  readonly aroundCall: AroundCall | undefined;
  /** Of calls to Fullscript; all users share them. */
  readonly turns: CallTurns;
  /** For the answers to them. */
  readonly answerRoom: AnswerRoom;
  readonly apiTimeoutMs: number;
  /** How long a page waits for Fullscript before it goes out without what is missing. */
  readonly patienceMs: number;
  readonly log: Logger;
  readonly now: () => number;
}

const VIEWS = fileURLToPath(new URL('../views', import.meta.url));
const PUBLIC = fileURLToPath(new URL('../public', import.meta.url));

/** No redirects of its own: their page has other headers. */
const STATIC = { index: false, redirect: false };
const FOR_GOOD = { ...STATIC, immutable: true, maxAge: '1y' };
const FOR_A_WHILE = { ...STATIC, maxAge: '1h' };

/** What is called so often that its limits must not cost a question to the store. */
const CALLS = ['/api', '/portal'];

/** The app: what is asked all the time, and Express for everything else. */
export function createApp(deps: AppDeps): RequestListener {
  const tools = toolsOf(deps);
  const app = createExpressApp(deps, tools);
  const all = deps.usualCalls ? answeringUsualCalls(app, deps, tools) : app;
  return guardDoor({ app: all, refuse: app, ...deps, answerBusy: answeringBusy(app, tools) });
}

function answeringBusy(app: Express, tools: Tools): AnswerBusy {
  const { callbacks, report } = tools;
  const render = (view: object) =>
    new Promise<string>((resolve, reject) => {
      app.render('error', view, (error: Error | null, html) => {
        if (error === null) resolve(html);
        else reject(error);
      });
    });
  return createBusyAnswer({ render, setHeaders: both(tools.headers, noStore), report, callbacks });
}

type Tools = ReturnType<typeof toolsOf>;

function answeringUsualCalls(app: Express, deps: AppDeps, tools: Tools): RequestListener {
  const answer = usualCalls({
    ...{ ...deps, ...tools, except: tools.callbacks, setHeaders: both(tools.headers, noStore) },
    sessions: createSessionReader({ ...deps, ...tools.sessionRules, ...deps.refresher }),
    fullscriptFor: fullscriptFor(deps),
    limits: deps.limits.ahead,
    visitorLater: (req) => {
      const peer = peerOf(req);
      return () => visitorOf(clientView(app, req, peer));
    },
  });
  return (req, res) => {
    answer(req, res, (failure) => {
      goOn(req, failure);
      app(req, res);
    });
  };
}

/** Middleware and routes in the order in which a request meets them. */
function createExpressApp(deps: AppDeps, tools: Tools): Express {
  const { baseUrl, registrations, metrics, limits } = deps;
  const { csrf, sessionRules, callbacks, headers, wantedScope, report, signOutMark, ...ways } =
    tools;
  const { toSignIn, grantRequired } = ways;
  const app = bareApp(deps);

  app.use(inTurn(requestId(), requestLog(report), settingHeaders(headers)));
  // Ahead of the session: these are asked for often, by nobody in particular.
  app.use(assetFiles(String(app.locals['assets'])));
  app.use(settingHeaders(noStore));
  // Ahead of whatever may refuse: that answer has the code in its address, too.
  app.use(callbacks, noReferrer);
  app.use(goingOn);
  app.use(oneName(registrations[0]?.redirectUri ?? baseUrl));
  app.use(healthRoutes(deps));
  // Behind files and probes, which would bury the rest.
  app.use(deps.spans);
  app.use(CALLS, inTurn(...limits.calls));
  app.use(sessions({ ...deps, ...sessionRules }), leavingUnread);
  // Ahead of csrf: the token may be a form field.
  app.use(rememberUser, express.urlencoded({ extended: false, limit: '16kb', type: isForm }));
  app.use(csrf.protect);
  app.use(pageLocals(csrf, deps.ownerTags));
  app.use(oauthRoutes({ ...deps, ...tools, onSignIn: metrics.signIn }));
  // Behind the callback, which begins a session.
  app.use(markEndedSessions({ mark: signOutMark, shownSession: shownSessionId(sessionRules) }));
  app.use(arrivals(deps));
  app.use(landingRoutes(deps));
  // Ahead of the limit that it has itself: nothing it answers may extend a session.
  app.use(eventRoutes({ ...deps, limit: limits.callsOfUser, timing: deps.streamTiming }));
  app.use(CALLS, limits.callsOfUser);
  app.use(signOutRoutes({ ...deps, signOutMark, clearSessionCookie: ways.clearSessionCookie }));
  app.use(accountRoutes({ ...deps, signInPath: toSignIn }));
  app.use(apiSessionRoutes({ ...deps, csrf, wantedScope }));
  app.use(gatewayRoutes({ requireGrant: grantRequired }));
  app.use(portalRoutes({ ...deps, requireGrant: grantRequired, wantedScope }));
  app.use(nothingHere);
  app.use(errorHandler({ report: reportFailure(deps.log), csrfToken: csrf.token }));
  return app;
}

function both(...setters: readonly SetHeaders[]): SetHeaders {
  return (res) => {
    for (const set of setters) set(res);
  };
}

/** What several of the routes are given. */
function toolsOf(deps: AppDeps) {
  const { baseUrl, registrations, sessionStore: store, sessionLifetime: lifetime } = deps;
  const secrets = deps.sessionSecrets.map((one) => one.reveal());
  const secure = baseUrl.startsWith('https:');
  const signInPath = signInPaths(deps);
  const signOutMark = createSignOutMark({ secure });
  const toSignIn = (req: express.Request) =>
    signOutMark.asksFirst(req)
      ? landingPath({ returnTo: wantedPage(req, baseUrl) })
      : signInPath(wantedPage(req, baseUrl));
  return {
    csrf: createCsrf({ secrets, baseUrl, now: deps.now }),
    sessionRules: { secure, secrets, store, lifetime },
    callbacks: callbackPaths(registrations),
    report: reportRequest(deps),
    headers: securityHeaders({ https: secure, formTargets: formTargets(registrations) }),
    clearSessionCookie: clearSessionCookie({ secure, sameSite: deps.sameSite }),
    giveSessionCookie: giveSessionCookie({ secure, sameSite: deps.sameSite, secrets, lifetime }),
    ...{ signInPath, toSignIn, signOutMark, requireHttps: requireHttps({ secure }) },
    grantRequired: requireGrant({ ...deps, signInPath: toSignIn }),
    // A session may outlive its registration.
    wantedScope: (id: RegistrationId) => registrations.find((one) => one.id === id)?.scope ?? [],
  };
}

/** Files under the address that pages name, and under a plain one for whoever remembers it. */
function assetFiles(versioned: string): express.Router {
  const router = express.Router();
  router.use(versioned, express.static(PUBLIC, FOR_GOOD));
  return router.use('/assets', express.static(PUBLIC, FOR_A_WHILE));
}

function bareApp({ trustProxy, simulatorUrl }: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.set('trust proxy', trustProxy);
  readSchemeWithoutCase(app);
  app.set('view engine', 'ejs');
  app.set('views', VIEWS);
  app.locals['simulatorUrl'] = simulatorUrl;
  app.locals['assets'] = `/assets/${assetVersion(PUBLIC)}`;
  return app;
}

/** Bodies of the gateway are not ours to read. */
function isForm(req: IncomingMessage): boolean {
  const type = req.headers['content-type'] ?? '';
  return !isApi(req.url ?? '') && type.startsWith('application/x-www-form-urlencoded');
}

/** What was asked for, to come back to; what was posted is not posted again. */
function wantedPage(req: express.Request, baseUrl: string): string | undefined {
  return req.method === 'GET' ? parseReturnTo(req.originalUrl, baseUrl) : undefined;
}

/**
 * One application: straight on to Fullscript. Several: the landing page asks for the country. It also
 * asks where `arrivals` has hidden that a foreign page led here.
 */
function signInPaths({ registrations, sameSite }: AppDeps) {
  return (returnTo: string | undefined): string => {
    if (registrations.length === 1 && sameSite === 'lax') return authorizePath({ returnTo });
    return landingPath({ returnTo });
  };
}
