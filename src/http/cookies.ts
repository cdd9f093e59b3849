import type { IncomingMessage } from 'node:http';

/** Anything with the headers of a request. */
export type WithHeaders = Pick<IncomingMessage, 'headers'>;

/**
 * Cookie names. With https they carry `__Host-`, which keeps other hosts of the domain from planting
 * them; the prefix demands Secure, so that plain http on this machine goes without.
 */
export function cookieName(name: string, secure: boolean): string {
  return secure ? `__Host-${name}` : name;
}

/** One of the request's cookies as sent. */
export function cookieOf(req: WithHeaders, name: string): string | undefined {
  // Most requests carry others too, and none of them is looked at.
  return req.headers.cookie?.includes(name) === true ? readCookies(req).get(name) : undefined;
}

/** The request's cookies as sent, first one of a name wins; values stay encoded. */
export function readCookies(req: WithHeaders): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of (req.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, Math.max(at, 0)).trim();
    if (name !== '' && !cookies.has(name)) cookies.set(name, pair.slice(at + 1).trim());
  }
  return cookies;
}
