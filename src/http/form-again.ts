import type { Request } from 'express';
import { CsrfError } from './errors.js';
import { isApi } from './is-api.js';

/** A form as it was posted, to be sent again with a new token. */
export interface FormAgain {
  readonly action: string;
  /** What was typed or chosen, in its order. */
  readonly fields: readonly { readonly name: string; readonly value: string }[];
}

/**
 * The form that was refused only because its token is too old; undefined for whatever else went wrong, and for
 * requests that are no form of a page.
 */
export function formAgain(error: unknown, req: Request): FormAgain | undefined {
  const isRefused = error instanceof CsrfError && error.again && req.method === 'POST';
  // `//host/path` would be another host's.
  const isPath = /^\/(?!\/)/.test(req.originalUrl) && !isApi(req.originalUrl);
  const isForm = req.is('application/x-www-form-urlencoded') !== false;
  if (!isRefused || !isPath || !isForm) return undefined;
  return { action: req.originalUrl, fields: fieldsOf(req.body) };
}

function fieldsOf(body: unknown): FormAgain['fields'] {
  const all = Object.entries((body ?? {}) as Readonly<Record<string, unknown>>);
  return all
    .filter(([name]) => name !== '_csrf')
    .flatMap(([name, given]) => [given].flat().map((value) => ({ name, value: String(value) })));
}
