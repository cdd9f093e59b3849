import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { grantId } from '../grants/grant.js';
import { CsrfError } from './errors.js';
import { formField } from './form-field.js';
import { remembered } from './remembered.js';
import { type SignedIn, signedIn } from './signed-in.js';

/** Keeps other sites from acting through a signed-in browser. */
export interface Csrf {
  /** The token of a user, for forms and for `x-csrf-token`. */
  readonly tokenOf: (user: SignedIn) => string;
  /** The one of whoever is signed in. */
  readonly token: (req: Request) => string | undefined;
  /** Refuses state-changing requests that are foreign or lack the token. */
  readonly protect: RequestHandler;
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** How long a token is handed out; it is accepted for as long again. */
const PERIOD_MS = 12 * 3_600_000;

/**
 * The token is derived from the user and the time, so it costs no storage and is the same in every
 * process and tab: signing in again in one tab must not spoil the form that stands open in another.
 * It is worth nothing without the session cookie. Without a session there is nothing to abuse: then
 * only the origin is checked.
 *
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
 */
export function createCsrf(options: {
  /** The first one makes tokens, all of them are accepted. */
  secrets: readonly string[];
  baseUrl: string;
  now: () => number;
}): Csrf {
  const { secrets, now } = options;
  const [making = ''] = secrets;
  const ownOrigin = new URL(options.baseUrl).origin;
  const made = remembered((text) => tokenUnder(making, text));

  function tokenOf({ key }: SignedIn, secret: string, periodsAgo = 0): string {
    const period = Math.floor(now() / PERIOD_MS) - periodsAgo;
    const text = `csrf ${period} ${grantId(key)}`;
    return secret === making ? made(text) : tokenUnder(secret, text);
  }

  function accepts(user: SignedIn, given: string): boolean {
    return secrets.some(
      (secret) => same(tokenOf(user, secret), given) || same(tokenOf(user, secret, 1), given),
    );
  }

  function check(req: Request): void {
    if (isForeign(req, ownOrigin)) throw new CsrfError('foreign_origin');
    const user = signedIn(req);
    if (user === undefined) return;
    if (!accepts(user, givenToken(req))) throw new CsrfError('csrf_token_invalid');
  }

  return {
    tokenOf: (user) => tokenOf(user, making),
    token: (req) => {
      const user = signedIn(req);
      return user === undefined ? undefined : tokenOf(user, making);
    },
    protect: (req, _res, next) => {
      if (!SAFE_METHODS.has(req.method)) check(req);
      next();
    },
  };
}

function tokenUnder(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}

function isForeign(req: Request, ownOrigin: string): boolean {
  const site = req.get('sec-fetch-site');
  if (site === 'cross-site') return true;
  const origin = req.get('origin');
  if (origin === undefined || origin === ownOrigin) return false;
  // A form on a page with `no-referrer` says "null"; the browser still knows where it came from.
  if (origin === 'null' && site === 'same-origin') return false;
  // The address bar may show another name of this server than BASE_URL (127.0.0.1, localhost).
  return origin !== `${req.protocol}://${req.get('host') ?? ''}`;
}

function givenToken(req: Request): string {
  return req.get('x-csrf-token') ?? formField(req, '_csrf') ?? '';
}

function same(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}
