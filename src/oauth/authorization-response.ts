import { AuthorizationResponseError } from './errors.js';
import { printable } from './printable.js';

/** What the browser brought back, before anything in it is believed. */
export interface AuthorizationResponse {
  readonly state: string;
  readonly code: string | undefined;
  readonly error: string | undefined;
  /** For developers, in English (RFC 6749 section 4.1.2.1); never shown, only logged. */
  readonly errorDescription: string | undefined;
  /** Of any length: it is only compared (RFC 9207). */
  readonly iss: string | undefined;
}

const PARAMETERS = ['state', 'code', 'error', 'error_description', 'iss'] as const;
const LONGEST_PARAMETER = 2048;

/**
 * Reads the callback's query. Only shape is judged here; `error` and `code` mean nothing until the
 * state turned out to be ours.
 *
 * @throws AuthorizationResponseError `state_missing` or `parameter_duplicated`.
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.2
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-3.1 (no parameter more than once)
 */
export function parseAuthorizationResponse(query: URLSearchParams): AuthorizationResponse {
  if (PARAMETERS.some((name) => query.getAll(name).length > 1)) {
    throw new AuthorizationResponseError('parameter_duplicated');
  }
  const state = parameter(query, 'state');
  if (state === undefined) throw new AuthorizationResponseError('state_missing');
  return {
    state,
    code: parameter(query, 'code'),
    error: parameter(query, 'error'),
    errorDescription: query.get('error_description') ?? undefined,
    iss: query.get('iss') ?? undefined,
  };
}

/**
 * The code of a response whose state is ours.
 *
 * @throws AuthorizationResponseError `access_denied` when the user said no, `authorization_failed`
 *   for any other error, `code_missing` when there is neither.
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.2.1
 */
export function codeOf(
  response: Pick<AuthorizationResponse, 'code' | 'error' | 'errorDescription'>,
): string {
  const { code, error } = response;
  if (error !== undefined) throw refusalOf(error, response.errorDescription);
  if (code === undefined) throw new AuthorizationResponseError('code_missing');
  return code;
}

function parameter(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name);
  return value === null || value === '' || value.length > LONGEST_PARAMETER ? undefined : value;
}

function refusalOf(error: string, description: string | undefined): AuthorizationResponseError {
  const code = error === 'access_denied' ? 'access_denied' : 'authorization_failed';
  const words = description === undefined ? error : `${error}: ${description}`;
  return new AuthorizationResponseError(code, printable(words));
}
