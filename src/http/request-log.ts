import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler, Response } from 'express';
import type { GrantKey } from '../grants/grant.js';
import { requestIdOf } from './request-id.js';
import { signedIn } from './signed-in.js';

/**
 * What the log line of a request says. The query is left out: it carries codes and states. So are ids, as
 * far as they can be told: they are those of patients.
 */
export interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  /** The answer was a stream: how long it was open says nothing about how fast we are. */
  readonly stream?: true;
}

/** The line, and who was signed in when the answer was out; not for the log as it is. */
export interface ReportedRequest extends RequestLine {
  readonly key?: GrantKey;
}

const STREAM = 'stream';
const USER = 'signedInKey';

/** Says that this answer goes on until somebody has enough of it. */
export function markStream(res: Response): void {
  res.locals[STREAM] = true;
}

/** Remembers who makes a request, for those that take the session off it or end it. Behind the session. */
export const rememberUser: RequestHandler = (req, res, next) => {
  res.locals[USER] = signedIn(req)?.key;
  next();
};

export type ReportRequest = (request: ReportedRequest) => void;

/** Reports each request when its answer is out, or when the caller went away without it. */
export function requestLog(report: ReportRequest): RequestHandler {
  return (req, res, next) => {
    reportAtEnd(report, { req, res });
    next();
  };
}

type Answer = ServerResponse & { locals?: Record<string, unknown> };

const STARTED = Symbol('started');

type Timed = IncomingMessage & { [STARTED]?: number | undefined };

/**
 * Reports one request at its end, counted from when it was first meant to be.
 *
 * @returns what leaves it to somebody else.
 */
export function reportAtEnd(
  report: ReportRequest,
  { req, res }: { req: Timed; res: Answer },
): () => void {
  const startedAt = (req[STARTED] ??= performance.now());
  const { method = '', url = '' } = req;
  // Express changes the address on its way.
  const path = pathShown((req as { originalUrl?: string }).originalUrl ?? url);
  const onClose = () => {
    const ms = Math.round(performance.now() - startedAt);
    const stream = res.locals?.[STREAM] === true;
    // 499: the caller closed the connection; nobody saw a status. That of a stream was seen.
    const status = stream || res.writableFinished ? res.statusCode : 499;
    const line = { requestId: requestIdOf(res), method, path, status, ms };
    const key = userOf(req, res);
    const who = key === undefined ? {} : { key };
    report(stream ? { ...line, ...who, stream } : { ...line, ...who });
  };
  res.once('close', onClose);
  return () => {
    res.off('close', onClose);
  };
}

/** No route has a digit in its name, and hardly an id has none. */
function pathShown(url: string): string {
  const [path = ''] = url.split('?');
  return path.slice(0, 200).replace(/[^/]*\d[^/]*/g, ':id');
}

/** Who has signed in by this request, or was signed in before it. */
function userOf(req: IncomingMessage, res: Answer): GrantKey | undefined {
  return signedIn(req)?.key ?? (res.locals?.[USER] as GrantKey | undefined);
}
