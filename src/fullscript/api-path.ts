import { ApiPathError } from './errors.js';

/** The names under which servers of this kind take a bearer from a query, as Rails reads names. */
const TOKEN_PARAMETER = /^[\s[\]]*(access|bearer)_token(?![\w-])/i;
/** The OAuth endpoints, also with what servers leave out of a name: parameters, an ending, dots, blanks. */
const OAUTH = /^[\s+]*oauth(?![\p{L}\p{N}_-])/iu;
/** Here or up, also with what servers leave out. */
const DOTS = /^[\s+]*\.+[\s+]*(?:[;?#]|$)/;
const SEGMENT = /^[\w\-.~:%!$'()*+,;=]+$/;

/**
 * The URL of a path below the API base, or a refusal. A bearer goes nowhere else: not to another
 * host, not above the base, not to the OAuth endpoints, whose answers are tokens, and not beside a
 * second token in the query.
 *
 * @param path starts with a slash, percent-encoded, without query.
 * @param query without the question mark; may be empty.
 * @throws ApiPathError
 * @see https://www.rfc-editor.org/rfc/rfc9700.html#section-4.9.1
 */
export function apiUrlFor(apiUrl: string, path: string, query = ''): URL {
  const segments = path.replace(/^\//, '').replace(/\/$/, '').split('/');
  if (!path.startsWith('/') || !segments.every(isPlain)) throw new ApiPathError();
  if (carriesToken(query)) throw new ApiPathError();
  const base = new URL(apiUrl);
  const url = new URL(`${apiUrl}${path}`);
  url.search = query;
  url.hash = '';
  const root = `${base.pathname.replace(/\/$/, '')}/`;
  const inside = url.origin === base.origin && url.pathname.startsWith(root);
  if (!inside) throw new ApiPathError();
  return url;
}

/**
 * An id as one segment of a path.
 *
 * @throws ApiPathError for what would make another path of it: nothing at all, or half a character.
 */
export function idSegment(id: string): string {
  if (id === '' || /\p{Cs}/u.test(id)) throw new ApiPathError();
  return encodeURIComponent(id);
}

/**
 * A token in a URL ends up in logs, and a second one beside ours is against RFC 6750.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6750.html#section-2
 */
function carriesToken(query: string): boolean {
  const names = [...new URLSearchParams(query.replaceAll(';', '&')).keys()];
  return names.some((name) => TOKEN_PARAMETER.test(name));
}

/** Judged as sent and as decoded, because nobody knows how often the other side decodes. */
function isPlain(segment: string): boolean {
  if (!SEGMENT.test(segment)) return false;
  const decoded = decode(segment);
  if (decoded === undefined) return false;
  const leavesSegment = /[/\\\p{Cc}]/u.test(decoded) || /%[0-9a-f]{2}/i.test(decoded);
  return !leavesSegment && !DOTS.test(decoded) && !OAUTH.test(decoded);
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
