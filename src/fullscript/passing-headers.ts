import type { IncomingHttpHeaders } from 'node:http';

/**
 * Headers of a client that go on to Fullscript. A list of what may pass, since what must not is without end: the
 * bearer is ours to choose, cookies and addresses are none of Fullscript's business, and what belongs to one
 * connection (RFC 9110, section 7.6.1) means nothing on the next.
 */
const OF_REQUESTS = [
  'content-type',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
] as const;

/**
 * Headers of an answer that go on to a client, beside those that `ApiResponse` has names for. Not among them:
 * cookies, what tells caches to keep patients' data, `Link`, by which a browser would load things, and `RateLimit-*`,
 * which is the name of our own limits.
 */
const OF_ANSWERS = [
  'accept-ranges',
  'allow',
  'content-disposition',
  'content-language',
  'content-range',
  'etag',
  'last-modified',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
] as const;

/** Fullscript documents no other, and Rails answers with pages to those who take anything. */
const JSON_TYPE = 'application/json';

/** What goes on of a request's headers, by name in lower case. */
export function passingRequestHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const passing: Record<string, string> = { accept: acceptOf(headers) };
  for (const name of OF_REQUESTS) {
    const value = headers[name];
    if (value !== undefined) passing[name] = String(value);
  }
  return passing;
}

/** What goes on of an answer's headers, by name in lower case. */
export function passingAnswerHeaders(
  header: (name: string) => string | undefined,
): Record<string, string> {
  const passing: Record<string, string> = {};
  for (const name of OF_ANSWERS) {
    const value = header(name);
    if (value !== undefined) passing[name] = value;
  }
  return passing;
}

function acceptOf({ accept }: IncomingHttpHeaders): string {
  return accept === undefined || accept.includes('*/*') ? JSON_TYPE : accept;
}
