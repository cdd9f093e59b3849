import type { Request, RequestHandler, Response } from 'express';
import { requestIdOf } from '../http/request-id.js';
import { httpMethod } from './http-method.js';
import type { Span, Tracer } from './tracer.js';

const GATEWAY = /^\/api\/fullscript(?=[/?]|$)/;
/** Open for an hour, asking Redis every few seconds: one trace that never ends. */
const STREAM = /^\/portal\/events(?=[/?]|$)/;

/**
 * One span for each request, and everything done for the request inside it.
 *
 * @param continued whether the caller's trace goes on here. A stranger could have each request of theirs
 *   recorded with it, whatever the sampler says.
 */
export function serverSpans(tracer: Tracer, continued: boolean): RequestHandler {
  if (!tracer.on) return pass;
  return (req, res, next) => {
    if (STREAM.test(req.originalUrl)) {
      next();
      return;
    }
    const method = httpMethod(req.method);
    const attributes = {
      'http.request.method': method,
      'fullscript_connect.request_id': requestIdOf(res),
    };
    const headers = continued ? req.headers : undefined;
    const answered = (span: Span) =>
      new Promise<void>((resolve) => {
        res.once('close', () => {
          describe(span, { method, req, res });
          resolve();
        });
        next();
      });
    void tracer.span({ name: method, kind: 'server', attributes, headers }, answered);
  };
}

const pass: RequestHandler = (_req, _res, next) => {
  next();
};

function describe(
  span: Span,
  { method, req, res }: { method: string; req: Request; res: Response },
) {
  const route = routeOf(req);
  if (route !== undefined) {
    span.rename(`${method} ${route}`);
    span.set({ 'http.route': route });
  }
  if (!res.writableFinished) {
    span.set({ 'error.type': 'caller_went_away' });
    return;
  }
  span.set({ 'http.response.status_code': res.statusCode });
  if (res.statusCode >= 500) span.fail(String(res.statusCode));
}

/** As it stands in the code. Which path the callback has, the configuration says. */
function routeOf(req: Request): string | undefined {
  const { path } = (req.route ?? {}) as { path?: unknown };
  if (typeof path === 'string') return path;
  if (path instanceof RegExp) return '/oauth/callback';
  return GATEWAY.test(req.originalUrl) ? '/api/fullscript/*' : undefined;
}
