import express, { type Express, type Request } from 'express';
import { printable } from '../oauth/printable.js';
import { HttpsNotSeenError } from './errors.js';

/**
 * Schemes know no case (RFC 3986 section 3.1), and some proxies write `HTTPS`. Express takes the header as it
 * is; everything that asks for the protocol asks here, express-session included.
 */
export function readSchemeWithoutCase(app: Express): void {
  const { request } = express;
  Object.defineProperty(app.request, 'protocol', {
    configurable: true,
    get(this: Request) {
      return Reflect.get<Request, 'protocol'>(request, 'protocol', this).toLowerCase();
    },
  });
}

/**
 * Refuses to end a sign-in whose session cookie would not be set: it is for https only, and express-session
 * leaves it out where a request seems to have come another way. The browser would be led to sign in for ever.
 *
 * @throws HttpsNotSeenError
 */
export function requireHttps({ secure }: { secure: boolean }): (req: Request) => void {
  return (req) => {
    if (secure && !req.secure) throw new HttpsNotSeenError(whatIsWrong(req));
  };
}

function whatIsWrong({ app, socket, headers }: Request): string {
  if (app.get('trust proxy') === false) return 'TRUST_PROXY is unset';
  const trusts = app.get('trust proxy fn') as (address: string | undefined, hop: number) => boolean;
  if (!trusts(socket.remoteAddress, 0)) {
    return `the request came from ${socket.remoteAddress ?? 'nowhere'}, which is not among the proxies of TRUST_PROXY`;
  }
  const scheme = headers['x-forwarded-proto'];
  if (scheme !== undefined) return `X-Forwarded-Proto is "${printable(String(scheme))}"`;
  const other = headers['forwarded'] === undefined ? '' : ', and Forwarded is not read';
  return `the proxy sent no X-Forwarded-Proto${other}`;
}
