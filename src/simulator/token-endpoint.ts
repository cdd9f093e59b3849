import { createHash } from 'node:crypto';
import { type Answer, jsonAnswer, NO_STORE } from './answer.js';
import { type Call, field } from './call.js';
import { authenticateClient, type Clients, readCredentials } from './clients.js';
import { missingParameter, oauthError } from './oauth-error.js';
import type { Code, Pair } from './pair.js';
import {
  findRefreshable,
  findUsableCode,
  type Provider,
  redeemCode,
  refreshPair,
  secondsLeft,
} from './provider.js';
import { scopesLeft } from './settings.js';

interface Deps {
  provider: Provider;
  clients: Clients;
}

/**
 * The token endpoint.
 * @see https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/request-access-token
 */
export function createTokenEndpoint(deps: Deps): (call: Call) => Answer {
  return (call) => {
    const grantType = field(call, 'grant_type');
    if (grantType === undefined) return missingParameter('grant_type');
    if (grantType === 'authorization_code') return exchangeCode(deps, call);
    if (grantType === 'refresh_token') return refresh(deps, call);
    return oauthError('unsupported_grant_type');
  };
}

/** The order of the checks shows in the answers; only the very last step spends the code. */
function exchangeCode({ provider, clients }: Deps, call: Call): Answer {
  const value = field(call, 'code');
  if (value === undefined) return missingParameter('code');
  const known = provider.codes.get(value);
  const verifier = field(call, 'code_verifier');
  if (known?.codeChallenge !== undefined && verifier === undefined) {
    return missingParameter('code_verifier');
  }
  const redirectUri = field(call, 'redirect_uri');
  if (redirectUri === undefined) return missingParameter('redirect_uri');
  const client = authenticateClient(clients, call);
  if (client === undefined) return oauthError('invalid_client');
  const code = findUsableCode(provider, value);
  if (
    code?.clientId !== client.clientId ||
    code.redirectUri !== redirectUri ||
    !verifies(code, verifier)
  ) {
    return oauthError('invalid_grant');
  }
  return success(provider, redeemCode(provider, code));
}

/** A refresh looks at the token before it looks at the client. */
function refresh({ provider, clients }: Deps, call: Call): Answer {
  const refreshToken = field(call, 'refresh_token');
  if (refreshToken === undefined) return missingParameter('refresh_token');
  const pair = findRefreshable(provider, refreshToken);
  if (pair === undefined) return oauthError('invalid_grant');
  // No credentials at all are not a wrong secret: the token is then simply nobody's.
  const isAnonymous = readCredentials(call) === undefined;
  const client = authenticateClient(clients, call);
  if (client === undefined) return oauthError(isAnonymous ? 'invalid_grant' : 'invalid_client');
  if (client.clientId !== pair.clientId) return oauthError('invalid_grant');
  const scopes = field(call, 'scope')?.split(/\s+/).filter(Boolean);
  if (scopes?.some((scope) => !pair.scopes.includes(scope)) === true) {
    return oauthError('invalid_scope');
  }
  return success(provider, refreshPair(provider, pair, scopes));
}

/** @see https://www.rfc-editor.org/rfc/rfc7636.html#section-4.6 */
function verifies(code: Code, verifier: string | undefined): boolean {
  if (verifier === undefined) return code.codeChallenge === undefined;
  if (code.codeChallenge === undefined) return false;
  const isHashed = code.codeChallengeMethod === 'S256';
  const derived = isHashed ? createHash('sha256').update(verifier).digest('base64url') : verifier;
  return derived === code.codeChallenge;
}

function success(provider: Provider, pair: Pair): Answer {
  const oauth = {
    access_token: pair.accessToken,
    token_type: 'Bearer',
    expires_in: secondsLeft(provider, pair),
    refresh_token: pair.refreshToken,
    scope: scopesLeft(provider.settings, pair.scopes).join(' '),
    created_at: new Date(pair.createdAt).toISOString(),
    resource_owner: pair.owner,
  };
  return jsonAnswer(200, { oauth }, NO_STORE);
}
