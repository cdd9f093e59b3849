import type { Request } from 'express';

/** How a browser came to ask for a page that starts something. */
export type Navigation = 'deliberate' | 'foreign' | 'embedded';

/**
 * Reads the fetch metadata. `deliberate`: typed, clicked here, or a client that sends no metadata;
 * `foreign`: a link on another site, which deserves a question first; `embedded`: no page at all (an
 * image, a script, a prefetch), where nobody meant anything. A browser too old for metadata may still
 * say in `Referer` that it comes from elsewhere.
 *
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function navigationOf(req: Request, baseUrl: string): Navigation {
  const destination = req.get('sec-fetch-dest') ?? 'document';
  if (destination !== 'document' || isPrefetch(req)) return 'embedded';
  const site = req.get('sec-fetch-site');
  const foreign = site === undefined ? hasForeignReferer(req, baseUrl) : site === 'cross-site';
  return foreign ? 'foreign' : 'deliberate';
}

/** `Purpose` is what browsers said before there was `Sec-Purpose`. */
function isPrefetch(req: Request): boolean {
  return ['sec-purpose', 'purpose'].some((name) => req.get(name)?.includes('prefetch') === true);
}

/** The address bar may show another name of this server than BASE_URL (127.0.0.1, localhost). */
function hasForeignReferer(req: Request, baseUrl: string): boolean {
  const referer = req.get('referer') ?? '';
  if (!URL.canParse(referer)) return false;
  const { host } = new URL(referer);
  return host !== new URL(baseUrl).host && host !== req.get('host');
}
