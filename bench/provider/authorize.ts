import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { sendEmpty, sendJson } from './http.js';
import type { Provider } from './provider.js';
import { userNamed } from './users.js';

/** Where Fullscript ignores the scope of the request, this is what every consent is for. */
export const FULLSCRIPT_SCOPE = 'catalog:read clinic:read patients:read';

/**
 * Approves at once, for the user that `login_hint` names, else for a new one each time.
 *
 * @param options.scope what is granted whatever was asked for; undefined: what was asked for.
 * @param options.withIssuer whether the answer names its issuer, as RFC 9207 wants.
 */
export function authorize(
  provider: Provider,
  exchange: { query: URLSearchParams; response: ServerResponse },
  options: { scope: string | undefined; withIssuer: boolean },
): void {
  const { query, response } = exchange;
  const [clientId, redirectUri] = [query.get('client_id'), query.get('redirect_uri')];
  if (!clientId || !redirectUri || !URL.canParse(redirectUri)) {
    sendJson(response, 400, { error: 'invalid_request' });
    return;
  }
  const method = query.get('code_challenge_method');
  const challenge = query.get('code_challenge') ?? undefined;
  if (query.get('response_type') !== 'code' || (challenge !== undefined && method !== 'S256')) {
    sendJson(response, 400, { error: 'invalid_request' });
    return;
  }
  const code = randomBytes(24).toString('base64url');
  provider.codes.set(code, {
    user: userNamed(query.get('login_hint') ?? `user-${++provider.unnamed}`),
    clientId,
    redirectUri,
    scope: options.scope ?? query.get('scope') ?? '',
    nonce: query.get('nonce') ?? undefined,
    challenge,
  });
  const back = new URL(redirectUri);
  back.searchParams.set('code', code);
  const state = query.get('state');
  if (state !== null) back.searchParams.set('state', state);
  if (options.withIssuer) back.searchParams.set('iss', provider.issuer);
  sendEmpty(response, 303, { location: back.href });
}
