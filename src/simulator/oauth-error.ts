import { type Answer, jsonAnswer, NO_STORE } from './answer.js';

/** The errors the token endpoint knows. @see https://www.rfc-editor.org/rfc/rfc6749.html#section-5.2 */
export type OAuthErrorCode =
  'invalid_client' | 'invalid_grant' | 'invalid_scope' | 'unsupported_grant_type';

/** The sentence that goes with each error, here and on the authorize page. */
export const DESCRIPTIONS: Record<OAuthErrorCode, string> = {
  invalid_client:
    'Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.',
  invalid_grant:
    'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.',
  invalid_scope: 'The requested scope is invalid, unknown, or malformed.',
  unsupported_grant_type:
    'The authorization grant type is not supported by the authorization server.',
};

const STATUS: Record<OAuthErrorCode, number> = {
  invalid_client: 401,
  invalid_grant: 400,
  invalid_scope: 400,
  unsupported_grant_type: 400,
};

/** An error of the token endpoint: body and `WWW-Authenticate` say the same, also at 400. */
export function oauthError(code: OAuthErrorCode): Answer {
  return errorAnswer(STATUS[code], code, DESCRIPTIONS[code]);
}

/** The error for a parameter that is not there. */
export function missingParameter(name: string): Answer {
  return errorAnswer(400, 'invalid_request', missingParameterText(name));
}

/** Names the parameter that is not there. */
export function missingParameterText(name: string): string {
  return `Missing required parameter: ${name}.`;
}

/** The challenge header a Doorkeeper server sends. */
export function challenge(error: string, description: string): Record<string, string> {
  const value = `Bearer realm="Doorkeeper", error="${error}", error_description="${description}"`;
  return { 'www-authenticate': value };
}

function errorAnswer(status: number, error: string, description: string): Answer {
  const headers = { ...NO_STORE, ...challenge(error, description) };
  return jsonAnswer(status, { error, error_description: description }, headers);
}
