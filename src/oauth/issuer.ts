import { AuthorizationResponseError } from './errors.js';
import { printable } from './printable.js';
import type { Registration } from './registration.js';

/**
 * Refuses an authorization response of another authorization server than the one that was asked: where
 * several are in use, a dishonest one could else be handed the code of another (mix-up).
 *
 * Fullscript does not document `iss`. With FULLSCRIPT_ISSUER it has to be there and be just that; without,
 * one that is there all the same has to name a server that this registration talks to.
 *
 * @param iss as the response has it; undefined when it has none.
 * @throws AuthorizationResponseError `issuer_mismatch`.
 * @see https://www.rfc-editor.org/rfc/rfc9207.html#section-2.4
 */
export function checkIssuer(
  { issuer, server }: Pick<Registration, 'issuer' | 'server'>,
  iss: string | undefined,
): void {
  const origins = originsOf(server);
  const plausible = iss === undefined || origins.some((origin) => origin === originOf(iss));
  if (issuer === undefined ? plausible : iss === issuer) return;
  const came = iss === undefined ? 'no iss' : `iss ${printable(iss)}`;
  throw new AuthorizationResponseError('issuer_mismatch', came);
}

function originsOf({ authorizeUrl, tokenUrl, apiUrl }: Registration['server']) {
  return [authorizeUrl, tokenUrl, apiUrl].map((url) => new URL(url).origin);
}

function originOf(iss: string): string | undefined {
  return URL.canParse(iss) ? new URL(iss).origin : undefined;
}
