import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Request, type RequestHandler, Router, raw } from 'express';
import type { ApiResponse } from '../fullscript/api-client.js';
import { FullscriptApiError } from '../fullscript/errors.js';
import { CsrfError, RouteError } from '../http/errors.js';
import { fullscriptOf } from '../http/require-grant.js';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** Where the gateway lies. */
export const GATEWAY = '/api/fullscript';

/** Means a proxy and not another address (RFC 9110, section 15.4.6). */
const USE_PROXY = 305;

/**
 * Fullscript's resource API under our own origin: the browser sends its session cookie, the bearer is
 * attached here and never leaves the server.
 */
export function gatewayRoutes(deps: { requireGrant: RequestHandler }): Router {
  const router = Router({ caseSensitive: true });
  const body = raw({ type: () => true, limit: '1mb' });
  router.use(GATEWAY, deps.requireGrant, body, async (req, res) => {
    if (!METHODS.has(req.method)) throw new RouteError('not_found');
    const { api } = fullscriptOf(res);
    const [path, query] = splitQuery(req.url);
    const { method, headers } = req;
    relay({ req, res }, await api.request({ method, path, query, headers, body: bodyOf(req) }));
  });
  return router;
}

/** Path and query as sent: decoding and encoding again would not give every id back. */
export function splitQuery(url: string): [string, string | undefined] {
  const at = url.indexOf('?');
  return at < 0 ? [url, undefined] : [url.slice(0, at), url.slice(at + 1)];
}

function bodyOf(req: Request): Uint8Array | undefined {
  const body = req.body as unknown;
  return Buffer.isBuffer(body) && body.length > 0 ? body : undefined;
}

interface Relayed {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Hands an answer on. Status, type, body and the headers that concern a client go on as they came. Not so a 401, which the
 * browser would take for "not signed in", and redirects: see `redirection`.
 */
export function relay({ req, res }: Relayed, answer: ApiResponse): void {
  const { status, contentType, requestId, retryAfter, headers, body } = answer;
  if (status === 401)
    throw new FullscriptApiError('fullscript_unauthorized', { status, requestId });
  const isRedirect = status >= 300 && status < 400 && status !== 304;
  const location = isRedirect ? redirection(req, answer) : answer.location;
  res.statusCode = isRedirect ? 303 : status;
  // Whatever comes from there must not act as a page of ours.
  res.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; sandbox");
  if (requestId !== undefined) res.setHeader('X-Fullscript-Request-Id', requestId);
  if (retryAfter !== undefined) res.setHeader('Retry-After', retryAfter);
  if (contentType !== undefined) res.setHeader('Content-Type', contentType);
  if (location !== undefined) res.setHeader('Location', throughGateway(location));
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.end(body);
}

/**
 * Where the browser goes instead, as 303: a place of the API by way of this gateway, another place, such as the signed
 * address of a download, by itself and without the bearer (docs/adr/0032). Only where it reads: the rest would send
 * patients' data along. Not where a link on another site began it: this server must not be a way to anywhere.
 *
 * @throws FullscriptApiError, CsrfError
 */
function redirection(req: IncomingMessage, answer: ApiResponse): string {
  const { status, requestId, location } = answer;
  const reads = req.method === 'GET' || req.method === 'HEAD';
  if (!reads || status === USE_PROXY || location === undefined) {
    throw new FullscriptApiError('fullscript_unexpected', { status, requestId });
  }
  const { 'sec-fetch-site': site = 'none' } = req.headers;
  const leadsAway = !location.startsWith('/');
  if (leadsAway && site !== 'none' && site !== 'same-origin') throw new CsrfError('foreign_origin');
  return location;
}

/** What lies below the API base is reached through the gateway. */
function throughGateway(location: string): string {
  return location.startsWith('/') ? `${GATEWAY}${location}` : location;
}
