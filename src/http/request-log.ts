import type { RequestHandler, Response } from 'express';
import { requestIdOf } from './request-id.js';

/** What the log line of a request says. The query is left out: it carries codes and states. */
export interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  /** The answer was a stream: how long it was open says nothing about how fast we are. */
  readonly stream?: true;
}

const STREAM = 'stream';

/** Says that this answer goes on until somebody has enough of it. */
export function markStream(res: Response): void {
  res.locals[STREAM] = true;
}

/** Reports each request when its answer is out, or when the caller went away without it. */
export function requestLog(report: (line: RequestLine) => void): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const { method } = req;
    const path = (req.originalUrl.split('?')[0] ?? '').slice(0, 200);
    res.once('close', () => {
      const ms = Math.round(performance.now() - startedAt);
      const stream = res.locals[STREAM] === true;
      // 499: the caller closed the connection; nobody saw a status. That of a stream was seen.
      const status = stream || res.writableFinished ? res.statusCode : 499;
      const line = { requestId: requestIdOf(res), method, path, status, ms };
      report(stream ? { ...line, stream } : line);
    });
    next();
  };
}
