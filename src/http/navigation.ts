import type { Request } from 'express';

/** How a browser came to ask for a page that starts something. */
export type Navigation = 'deliberate' | 'foreign' | 'embedded';

/**
 * Reads the fetch metadata. `deliberate`: typed, clicked here, or a client that sends no metadata;
 * `foreign`: a link on another site, which deserves a question first; `embedded`: no page at all (an
 * image, a script, a prefetch), where nobody meant anything.
 *
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function navigationOf(req: Request): Navigation {
  const destination = req.get('sec-fetch-dest') ?? 'document';
  if (destination !== 'document' || req.get('sec-purpose')?.includes('prefetch')) return 'embedded';
  return req.get('sec-fetch-site') === 'cross-site' ? 'foreign' : 'deliberate';
}
