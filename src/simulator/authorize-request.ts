import type { Call } from './call.js';
import { acceptsRedirectUri, type Clients, type SimulatorClient } from './clients.js';
import { DESCRIPTIONS, missingParameterText } from './oauth-error.js';

/** An authorization request that passed every check. */
export interface AuthorizeRequest {
  client: SimulatorClient;
  redirectUri: string;
  state?: string;
  codeChallenge?: string;
  codeChallengeMethod?: string;
}

/** A request that is answered with an error page; never with a redirect to the client. */
export interface AuthorizeRefusal {
  status: number;
  reason: string;
}

const BAD_REDIRECT_URI =
  "The requested redirect uri is malformed or doesn't match client redirect URI.";
const BAD_RESPONSE_TYPE = 'The authorization server does not support this response type.';
const BAD_CHALLENGE_METHOD = 'The code challenge method must be plain or S256.';

/**
 * Checks the query of an authorization request. `scope` is not looked at: the application's own
 * settings decide.
 * @see https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/request-auth-code
 */
export function parseAuthorizeRequest(
  clients: Clients,
  call: Call,
): AuthorizeRequest | AuthorizeRefusal {
  const read = (name: string): string | undefined => nonEmpty(call.query.get(name));
  const clientId = read('client_id');
  if (clientId === undefined) return badRequest(missingParameterText('client_id'));
  const client = clients.get(clientId);
  if (client === undefined) return { status: 404, reason: DESCRIPTIONS.invalid_client };
  const redirectUri = read('redirect_uri');
  if (redirectUri === undefined || !acceptsRedirectUri(client, redirectUri)) {
    return { status: 404, reason: BAD_REDIRECT_URI };
  }
  const problem = responseTypeProblem(read('response_type'));
  if (problem !== undefined) return badRequest(problem);
  const codeChallenge = read('code_challenge');
  const method = read('code_challenge_method');
  if (codeChallenge !== undefined && method !== 'S256' && method !== 'plain') {
    return badRequest(BAD_CHALLENGE_METHOD);
  }
  return withoutUndefined({
    client,
    redirectUri,
    state: read('state'),
    codeChallenge,
    codeChallengeMethod: codeChallenge === undefined ? undefined : method,
  });
}

/** The URL that takes the browser back. An empty or missing `state` is not returned. */
export function clientRedirect(
  { redirectUri, state }: AuthorizeRequest,
  parameters: Record<string, string>,
): string {
  const query = new URLSearchParams(parameters);
  if (state !== undefined) query.append('state', state);
  return redirectUri + (redirectUri.includes('?') ? '&' : '?') + query.toString();
}

function responseTypeProblem(responseType: string | undefined): string | undefined {
  if (responseType === undefined) return missingParameterText('response_type');
  return responseType === 'code' ? undefined : BAD_RESPONSE_TYPE;
}

function badRequest(reason: string): AuthorizeRefusal {
  return { status: 400, reason };
}

function nonEmpty(value: string | null): string | undefined {
  return value === null || value === '' ? undefined : value;
}

function withoutUndefined(
  request: { [Key in keyof Required<AuthorizeRequest>]: AuthorizeRequest[Key] | undefined } & Pick<
    AuthorizeRequest,
    'client' | 'redirectUri'
  >,
): AuthorizeRequest {
  const { client, redirectUri, state, codeChallenge, codeChallengeMethod } = request;
  return {
    client,
    redirectUri,
    ...(state === undefined ? {} : { state }),
    ...(codeChallenge === undefined ? {} : { codeChallenge }),
    ...(codeChallengeMethod === undefined ? {} : { codeChallengeMethod }),
  };
}
