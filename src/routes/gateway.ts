import type { ServerResponse } from 'node:http';
import { type Request, type RequestHandler, Router, raw } from 'express';
import type { ApiResponse } from '../fullscript/api-client.js';
import { FullscriptApiError } from '../fullscript/errors.js';
import { RouteError } from '../http/errors.js';
import { fullscriptOf } from '../http/require-grant.js';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Fullscript's resource API under our own origin: the browser sends its session cookie, the bearer is
 * attached here and never leaves the server.
 */
export function gatewayRoutes(deps: { requireGrant: RequestHandler }): Router {
  const router = Router({ caseSensitive: true });
  const body = raw({ type: () => true, limit: '1mb' });
  router.use('/api/fullscript', deps.requireGrant, body, async (req, res) => {
    if (!METHODS.has(req.method)) throw new RouteError('not_found');
    const { api } = fullscriptOf(res);
    const [path, query] = splitQuery(req.url);
    relay(res, await api.request({ method: req.method, path, query, ...bodyOf(req) }));
  });
  return router;
}

/** Path and query as sent: decoding and encoding again would not give every id back. */
export function splitQuery(url: string): [string, string | undefined] {
  const at = url.indexOf('?');
  return at < 0 ? [url, undefined] : [url.slice(0, at), url.slice(at + 1)];
}

function bodyOf(req: Request): { body?: Uint8Array; contentType?: string | undefined } {
  const body = req.body as unknown;
  if (!Buffer.isBuffer(body) || body.length === 0) return {};
  return { body, contentType: req.get('content-type') };
}

/**
 * Hands an answer on. Status, type and body go on as they came. Not so a 401, which the browser would take for "not signed
 * in", and redirects, which would lead it to Fullscript without a bearer.
 */
export function relay(res: ServerResponse, answer: ApiResponse): void {
  const { status, contentType, requestId, retryAfter, body } = answer;
  if (status === 401)
    throw new FullscriptApiError('fullscript_unauthorized', { status, requestId });
  if (status >= 300 && status < 400 && status !== 304) {
    throw new FullscriptApiError('fullscript_unexpected', { status, requestId });
  }
  res.statusCode = status;
  // Whatever comes from there must not act as a page of ours.
  res.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; sandbox");
  if (requestId !== undefined) res.setHeader('X-Fullscript-Request-Id', requestId);
  if (retryAfter !== undefined) res.setHeader('Retry-After', retryAfter);
  if (contentType !== undefined) res.setHeader('Content-Type', contentType);
  res.end(body);
}
