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
/** The next period has begun already on a server whose clock is a little ahead. */
const ACCEPTED = [0, 1, -1];
/** Too old, or made by a clock that is too far ahead, but made by us for this user. */
const NEIGHBOURING = [2, -2];

/**
 * The token is derived from the user and the time, so it costs no storage and is the same in every
 * process and tab: signing in again in one tab must not spoil the form that stands open in another.
 * It is worth nothing without the session cookie. Without a session there is nothing to abuse: then
 * only the origin is checked.
 *
 * A form that is ours, but whose token is too old, is offered once more: nothing that was typed is lost.
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

  function isOf(user: SignedIn, given: string, periodsAgo: readonly number[]): boolean {
    return secrets.some((secret) =>
      periodsAgo.some((ago) => same(tokenOf(user, secret, ago), given)),
    );
  }

  function check(req: Request): void {
    const source = sourceOf(req, ownOrigin);
    if (source === 'foreign') throw new CsrfError('foreign_origin');
    const user = signedIn(req);
    const isHidden = req.get('origin') === 'null' && source === 'unknown';
    if (user === undefined) {
      if (isHidden) throw new CsrfError('foreign_origin');
      return;
    }
    const given = givenToken(req);
    if (isOf(user, given, ACCEPTED)) return;
    const again = source === 'ours' || isOf(user, given, NEIGHBOURING);
    // Without a token of ours, whoever hides where a request comes from is taken for a stranger.
    if (isHidden && !again) throw new CsrfError('foreign_origin');
    throw new CsrfError('csrf_token_invalid', { again });
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

/** Where a request comes from, as the browser tells; `unknown` where it does not. */
function sourceOf(req: Request, ownOrigin: string): 'ours' | 'foreign' | 'unknown' {
  const site = req.get('sec-fetch-site');
  if (site === 'cross-site') return 'foreign';
  const origin = req.get('origin');
  // A form on a page with `no-referrer` says "null"; most browsers still tell where it was.
  if (origin === undefined || origin === 'null') {
    if (site === 'same-origin') return 'ours';
    // Safari before 16.4 says no more than "null"; then the token has to show that the form was ours.
    return site === undefined || origin === undefined ? 'unknown' : 'foreign';
  }
  // The address bar may show another name of this server than BASE_URL (127.0.0.1, localhost).
  const here = `${req.protocol}://${req.get('host') ?? ''}`;
  return [ownOrigin, here].includes(origin) ? 'ours' : 'foreign';
}

function givenToken(req: Request): string {
  return req.get('x-csrf-token') ?? formField(req, '_csrf') ?? '';
}

function same(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}
