import type { Response } from 'express';
import type { Html } from './html.js';

/** A whole HTTP answer as a value, so that handlers stay pure and faults can bend it. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const PRIVATE = 'max-age=0, private, must-revalidate';

/** The pages are plain documents. There is deliberately no `form-action`: browsers enforce it
 *  across redirects, and consent must be able to redirect to the client's origin. */
const PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Cache headers of everything that carries a token or refuses one. */
export const NO_STORE: Record<string, string> = { 'cache-control': 'no-store', pragma: 'no-cache' };

/** JSON; a success may be revalidated, an error is not kept. */
export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): Answer {
  const cacheControl = status < 300 ? PRIVATE : 'no-cache';
  return {
    status,
    headers: { 'content-type': JSON_TYPE, 'cache-control': cacheControl, ...headers },
    body: JSON.stringify(value),
  };
}

/** No body at all, which a Rails server labels as HTML. */
export function emptyAnswer(status: number): Answer {
  return { status, headers: { 'content-type': 'text/html; charset=UTF-8' }, body: '' };
}

/** The 404 of a path nobody serves. */
export function notFoundAnswer(): Answer {
  return jsonAnswer(404, { status: 404, error: 'Not Found' });
}

/** A page of the simulator's own. */
export function pageAnswer(status: number, page: Html): Answer {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': status === 200 ? PRIVATE : 'no-cache',
      'content-security-policy': PAGE_POLICY,
    },
    body: `<!doctype html>\n${page.html}`,
  };
}

/** A 302 (or another redirect) with the small document Rails puts below it. */
export function redirectAnswer(location: string, link: Html, status = 302): Answer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache', location },
    body: link.html,
  };
}

/** Writes the answer exactly as it is: nothing is added behind its back. */
export function sendAnswer(res: Response, answer: Answer): void {
  res.statusCode = answer.status;
  // Not `res.set`, which would add a charset to every content type.
  for (const [name, value] of Object.entries(answer.headers)) res.setHeader(name, value);
  res.end(answer.body);
}
