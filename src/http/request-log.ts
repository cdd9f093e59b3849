import type { RequestHandler } from 'express';
import { requestIdOf } from './request-id.js';

/** What the log line of a request says. The query is left out: it carries codes and states. */
export interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

/** Reports each request when its answer is out, or when the caller went away without it. */
export function requestLog(report: (line: RequestLine) => void): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const { method } = req;
    const path = (req.originalUrl.split('?')[0] ?? '').slice(0, 200);
    res.once('close', () => {
      const ms = Math.round(performance.now() - startedAt);
      // 499: the caller closed the connection; nobody saw a status.
      const status = res.writableFinished ? res.statusCode : 499;
      report({ requestId: requestIdOf(res), method, path, status, ms });
    });
    next();
  };
}
