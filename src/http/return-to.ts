/**
 * How long a path to go to may become, percent-encoded: it is sent in a `Location` header, beside cookies, and
 * proxies take 4 kB of headers by default.
 */
const LONGEST = 1024;
/** More than that no page of ours has in its address, and it is read character by character. */
const LONGEST_GIVEN = 8 * LONGEST;

/**
 * A path on this server to go to after sign-in, or nothing. Only what starts with one slash and
 * stays on our origin however a browser reads its path is accepted; what follows a `?` cannot lead elsewhere,
 * and comes through as it is. Where path and query together are too long, the path alone counts.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9700.html#section-4.11.1
 */
export function parseReturnTo(value: unknown, baseUrl: string): string | undefined {
  if (typeof value !== 'string' || value.length > LONGEST_GIVEN) return undefined;
  const [path = ''] = value.split(/[?#]/, 1);
  if (!isLocal(path) || !isLocal(decoded(path)) || /\p{Cc}/u.test(value)) return undefined;
  return resolved(value, baseUrl);
}

/** Browsers drop tabs and line breaks, and read a backslash as a slash: `/\t/evil` leaves the site. */
function isLocal(path: string): boolean {
  return /^\/(?![/\\])/.test(path) && !/[\p{Cc}\\]/u.test(path) && !/^\/%(2f|5c|25)/i.test(path);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return '';
  }
}

function resolved(value: string, baseUrl: string): string | undefined {
  const url = new URL(value, baseUrl);
  const ours = url.origin === new URL(baseUrl).origin && isLocal(url.pathname);
  const whole = `${url.pathname}${url.search}${url.hash}`.replaceAll('\\', '%5C');
  const result = whole.length > LONGEST ? url.pathname : whole;
  return ours && result.length <= LONGEST ? result : undefined;
}
