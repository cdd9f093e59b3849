import { randomBytes } from 'node:crypto';
import type { Registration } from './registration.js';

/** An unguessable value: 256 bits from the system's generator, 43 URL-safe characters. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

/**
 * The URL that the browser is sent to. No `scope`: Fullscript takes the scopes of the dashboard and
 * ignores the parameter.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749.html#section-4.1.1
 */
export function authorizationUrl(request: {
  registration: Registration;
  state: string;
  /** S256 challenge (RFC 7636 section 4.2), where the registration uses PKCE. */
  codeChallenge?: string | undefined;
}): string {
  const { registration, state, codeChallenge } = request;
  const url = new URL(registration.server.authorizeUrl);
  url.searchParams.set('client_id', registration.clientId);
  url.searchParams.set('redirect_uri', registration.redirectUri);
  url.searchParams.set('response_type', 'code');
  url.searchParams.set('state', state);
  if (codeChallenge !== undefined) {
    url.searchParams.set('code_challenge', codeChallenge);
    url.searchParams.set('code_challenge_method', 'S256');
  }
  return url.href;
}
