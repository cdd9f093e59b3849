import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { CsrfError } from './errors.js';
import { signedIn } from './signed-in.js';

/** Keeps other sites from acting through a signed-in browser. */
export interface Csrf {
  /** The token of this session, for forms and for `x-csrf-token`; undefined without a session. */
  readonly token: (req: Request) => string | undefined;
  /** Refuses state-changing requests that are foreign or lack the token. */
  readonly protect: RequestHandler;
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The token is derived from the session id, so it costs no storage, is the same in every process and
 * dies with the session. Without a session there is nothing to abuse: only the origin is checked.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-oauth-browser-based-apps (section on CSRF)
 */
export function createCsrf(options: { secret: string; baseUrl: string }): Csrf {
  const ownOrigin = new URL(options.baseUrl).origin;

  function token(req: Request): string | undefined {
    if (signedIn(req) === undefined) return undefined;
    return createHmac('sha256', options.secret).update(`csrf ${req.sessionID}`).digest('base64url');
  }

  function check(req: Request): void {
    if (isForeign(req, ownOrigin)) throw new CsrfError('foreign_origin');
    const expected = token(req);
    if (expected !== undefined && !same(expected, givenToken(req))) {
      throw new CsrfError('csrf_token_invalid');
    }
  }

  return {
    token,
    protect: (req, _res, next) => {
      if (!SAFE_METHODS.has(req.method)) check(req);
      next();
    },
  };
}

function isForeign(req: Request, ownOrigin: string): boolean {
  if (req.get('sec-fetch-site') === 'cross-site') return true;
  const origin = req.get('origin');
  if (origin === undefined || origin === ownOrigin) return false;
  // The address bar may show another name of this server than BASE_URL (127.0.0.1, localhost).
  return origin !== `${req.protocol}://${req.get('host') ?? ''}`;
}

function givenToken(req: Request): string {
  const header = req.get('x-csrf-token');
  if (header !== undefined) return header;
  const body = req.body as unknown;
  const field = typeof body === 'object' && body !== null && '_csrf' in body ? body._csrf : '';
  return typeof field === 'string' ? field : '';
}

function same(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}
