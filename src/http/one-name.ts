import type { RequestHandler } from 'express';

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Leads browsers that opened this server under another name of this machine to the name that the
 * redirect URI has: they would come back from Fullscript to that one, without their cookies. Only
 * pages, loopback names and the same port: what a proxy makes of the Host header says nothing about the
 * browser.
 */
export function oneName(redirectUri: string): RequestHandler {
  const target = new URL(redirectUri);
  return (req, res, next) => {
    if (req.method !== 'GET' || req.get('sec-fetch-dest') !== 'document') {
      next();
      return;
    }
    const host = `http://${req.get('host') ?? ''}`;
    const here = URL.canParse(host) ? new URL(host) : target;
    const isPath = req.originalUrl.startsWith('/');
    const local = [here, target].every(({ hostname }) => LOOPBACK_NAMES.has(hostname));
    if (isPath && local && here.hostname !== target.hostname && here.port === target.port) {
      // Put together as text: as a reference, `//host/path` would lead to that host.
      res.redirect(303, `${target.origin}${req.originalUrl}`);
      return;
    }
    next();
  };
}
