const LONGEST = 1024;

/**
 * A path on this server to go to after sign-in, or nothing. Only what starts with one slash and
 * stays on our origin however a browser reads it is accepted.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9700.html#section-4.11.1
 */
export function parseReturnTo(value: unknown, baseUrl: string): string | undefined {
  if (typeof value !== 'string' || value.length > LONGEST) return undefined;
  return isLocal(value) && isLocal(decoded(value)) ? resolved(value, baseUrl) : undefined;
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

function resolved(path: string, baseUrl: string): string | undefined {
  const url = new URL(path, baseUrl);
  const ours = url.origin === new URL(baseUrl).origin && !url.pathname.startsWith('//');
  const result = `${url.pathname}${url.search}${url.hash}`;
  return ours && isLocal(result) ? result : undefined;
}
