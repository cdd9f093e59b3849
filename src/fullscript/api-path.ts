import { ApiPathError } from './errors.js';

const SEGMENT = /^[\w\-.~:%!$'()*+,;=]+$/;

/**
 * The URL of a path below the API base, or a refusal. A bearer goes nowhere else: not to another
 * host, not above the base, and not to the OAuth endpoints, whose answers are tokens.
 *
 * @param path starts with a slash, percent-encoded, without query.
 * @param query without the question mark; may be empty.
 * @throws ApiPathError
 * @see https://www.rfc-editor.org/rfc/rfc9700.html#section-4.9.1
 */
export function apiUrlFor(apiUrl: string, path: string, query = ''): URL {
  const segments = path.replace(/^\//, '').replace(/\/$/, '').split('/');
  if (!path.startsWith('/') || !segments.every(isPlain)) throw new ApiPathError();
  if (segments[0]?.toLowerCase() === 'oauth') throw new ApiPathError();
  const base = new URL(apiUrl);
  const url = new URL(`${apiUrl}${path}`);
  url.search = query;
  url.hash = '';
  const root = `${base.pathname.replace(/\/$/, '')}/`;
  const inside = url.origin === base.origin && url.pathname.startsWith(root);
  if (!inside) throw new ApiPathError();
  return url;
}

/** Judged as sent and as decoded, because nobody knows how often the other side decodes. */
function isPlain(segment: string): boolean {
  if (!SEGMENT.test(segment)) return false;
  const decoded = decode(segment);
  return (
    decoded !== undefined &&
    !/[/\\\p{Cc}]/u.test(decoded) &&
    !/%[0-9a-f]{2}/i.test(decoded) &&
    !/^\.+$/.test(decoded) &&
    decoded.toLowerCase() !== 'oauth'
  );
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
