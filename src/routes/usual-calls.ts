import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenRefresher } from '../grants/token-refresher.js';
import type { Visitor } from '../grants/user-sessions.js';
import type { CallLimit } from '../http/rate-limit.js';
import { idOf, inRequest } from '../http/request-id.js';
import { type ReportRequest, reportAtEnd } from '../http/request-log.js';
import type { FullscriptFor } from '../http/require-grant.js';
import type { SetHeaders } from '../http/security-headers.js';
import { type FoundUser, type SessionReader } from '../http/session-reader.js';
import { sendJson } from '../http/send-json.js';
import { markSignedIn } from '../http/signed-in.js';
import { type ApiSessionDeps, sessionAnswer } from './api-session.js';
import { GATEWAY, relay, splitQuery } from './gateway.js';

export interface UsualCallsDeps extends ApiSessionDeps {
  readonly sessions: SessionReader;
  readonly refresher: Pick<TokenRefresher, 'current' | 'currentOf'>;
  /** The API as the owner of a grant sees it. */
  readonly fullscriptFor: FullscriptFor;
  readonly limits: { readonly session: CallLimit; readonly user: CallLimit };
  readonly setHeaders: SetHeaders;
  readonly report: ReportRequest;
  /** What is asked for seldom, and perhaps when the caller has gone. */
  readonly visitorLater: (req: IncomingMessage) => () => Visitor;
  /** Paths that belong to somebody else, wherever they lie. */
  readonly except: readonly RegExp[];
}

/** Goes on with a request as if nobody had looked at it, or to the answer for what went wrong. */
export type Otherwise = (failure?: unknown) => void;

/** Answers a request, or leaves it to `otherwise` untouched. */
export type UsualCalls = (req: IncomingMessage, res: ServerResponse, otherwise: Otherwise) => void;

const SESSION = /^\/api\/session(?:\?|$)/;

/**
 * Answers what front ends ask all the time, when there is nothing unusual about it: who is signed in, and
 * reading through the gateway, of somebody who is. By the same rules as the routes behind Express, which
 * does everything else: it costs several times as much as all that is done here (docs/performance.md).
 */
export function usualCalls(deps: UsualCallsDeps): UsualCalls {
  const { sessions, limits } = deps;
  return (req, res, otherwise) => {
    const answer = answerTo(req, deps);
    const session = answer && sessions.shown(req);
    // Who calls too often is told so by Express.
    if (!answer || session === undefined || !limits.session.admits(req, res)) {
      otherwise();
      return;
    }
    const id = idOf(req, res);
    const leaveReport = reportAtEnd(deps.report, { req, res });
    const goOn: Otherwise = (failure) => {
      leaveReport();
      otherwise(failure);
    };
    const serve = async () => {
      const found = await sessions.find(session);
      if (found === undefined) return false;
      markSignedIn(req, found.user);
      if (!limits.user.admits(req, res)) return false;
      const finish = await answer(found, res);
      deps.setHeaders(res);
      finish(res);
      return true;
    };
    const done = (served: boolean) => {
      if (!served) goOn();
    };
    const visitor = deps.visitorLater(req);
    inRequest({ id, visitor }, () => void serve().then(done, goOn));
  };
}

type Finish = (res: ServerResponse) => void;
type Answer = (found: FoundUser, res: ServerResponse) => Promise<Finish>;

/** How a request is answered; undefined when it is none of the usual ones. */
function answerTo(req: IncomingMessage, deps: UsualCallsDeps): Answer | undefined {
  const { url = '', method, headers } = req;
  if (method !== 'GET' || !url.startsWith('/api/')) return undefined;
  const hasBody = headers['content-length'] !== undefined || 'transfer-encoding' in headers;
  // Somebody looks at it in a browser, perhaps under another name of this server.
  const isPage = headers['sec-fetch-dest'] === 'document';
  if (hasBody || isPage) return undefined;
  const [path] = splitQuery(url);
  if (deps.except.some((other) => other.test(path))) return undefined;
  if (SESSION.test(url)) return (found) => ofSession(found, deps);
  if (!url.startsWith(`${GATEWAY}/`)) return undefined;
  const asked = url.slice(GATEWAY.length);
  return (found, res) => ofGateway(asked, { found, req, res }, deps);
}

async function ofSession({ user, ahead }: FoundUser, deps: UsualCallsDeps): Promise<Finish> {
  const grant = await (ahead?.grant ?? deps.vault.read(user.key));
  const answer = sessionAnswer(deps, user, grant);
  return (res) => {
    sendJson(res, answer);
  };
}

async function ofGateway(
  url: string,
  { found, req, res }: { found: FoundUser; req: IncomingMessage; res: ServerResponse },
  { refresher, fullscriptFor }: UsualCallsDeps,
): Promise<Finish> {
  const { user, ahead } = found;
  const grant = await (ahead ? refresher.currentOf(ahead) : refresher.current(user.key));
  const { api } = fullscriptFor(user.key, grant, res);
  const [path, query] = splitQuery(url);
  const answer = await api.request({ method: 'GET', path, query, headers: req.headers });
  return (to) => {
    relay({ req, res: to }, answer);
  };
}
