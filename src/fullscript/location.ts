import { apiUrlFor } from './api-path.js';
import { ApiPathError } from './errors.js';

/**
 * Where an answer of the API leads, in a form that may be handed on: a path below the API base with its query
 * (starts with a slash, and is called like any other path), or an absolute URL of another place, to which the
 * bearer is never sent. Undefined when it leads nowhere, to a path that may not be called, by a weaker protocol than that of the
 * API, or to a URL that carries a name or password.
 *
 * @param of.from the URL that was asked for; a location may be relative to it.
 * @see https://www.rfc-editor.org/rfc/rfc9110.html#section-10.2.2
 */
export function locationOf(
  location: string | undefined,
  of: { readonly apiUrl: string; readonly from: URL },
): string | undefined {
  if (location === undefined || !URL.canParse(location, of.from.href)) return undefined;
  const url = new URL(location, of.from);
  if (url.username !== '' || url.password !== '') return undefined;
  const path = pathBelow(of.apiUrl, url);
  if (path !== undefined) return callable(of.apiUrl, path, url.search);
  return url.protocol === 'https:' || url.protocol === of.from.protocol ? url.href : undefined;
}

function pathBelow(apiUrl: string, { origin, pathname }: URL): string | undefined {
  const base = new URL(apiUrl);
  const root = base.pathname.replace(/\/$/, '');
  const isBelow = origin === base.origin && `${pathname}/`.startsWith(`${root}/`);
  return isBelow ? pathname.slice(root.length) : undefined;
}

function callable(apiUrl: string, path: string, search: string): string | undefined {
  try {
    apiUrlFor(apiUrl, path, search.slice(1));
    return `${path}${search}`;
  } catch (error) {
    if (error instanceof ApiPathError) return undefined;
    throw error;
  }
}
