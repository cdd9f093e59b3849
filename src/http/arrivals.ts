import type { Request, RequestHandler } from 'express';
import { isApi } from './is-api.js';
import type { SameSite } from './session.js';
import { signedIn } from './signed-in.js';

/**
 * With SameSite=Strict a browser that comes from another site leaves the session cookie at home, also
 * behind the redirect that ends a sign-in at Fullscript. Such an arrival is answered with a page that
 * leads to the same address at once: that navigation starts here and brings the cookie.
 *
 * Comes after the OAuth routes, which have to know where a browser really came from.
 *
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis-22#section-5.2 (redirects count)
 */
export function arrivals({ sameSite }: { sameSite: SameSite }): RequestHandler {
  return (req, res, next) => {
    if (sameSite === 'strict' && isArrival(req)) {
      res.render('arriving', { page: { href: req.originalUrl } });
      return;
    }
    next();
  };
}

/** A page that is being opened from elsewhere. From here the browser says `same-origin`: no loop. */
function isArrival(req: Request): boolean {
  const isPage = req.get('sec-fetch-dest') === 'document' && !isApi(req.originalUrl);
  if (!isPage || req.method !== 'GET' || !isOurs(req.originalUrl)) return false;
  return req.get('sec-fetch-site') === 'cross-site' && signedIn(req) === undefined;
}

/** Browsers take `//host` and `/\host` for another server. */
function isOurs(path: string): boolean {
  return /^\/(?![/\\])/.test(path);
}
