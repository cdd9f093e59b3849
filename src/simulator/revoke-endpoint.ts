import { type Answer, jsonAnswer } from './answer.js';
import { type Call, field } from './call.js';
import { authenticateClient, type Clients } from './clients.js';
import { findByEitherToken, type Provider, revokePair } from './provider.js';

/**
 * The revocation endpoint: either token ends the pair, also when the access token has expired.
 * @see https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/revoke-access-token
 */
export function createRevokeEndpoint(deps: {
  provider: Provider;
  clients: Clients;
}): (call: Call) => Answer {
  return (call) => {
    const client = authenticateClient(deps.clients, call);
    if (client === undefined) return refusal();
    const token = field(call, 'token');
    const pair = token === undefined ? undefined : findByEitherToken(deps.provider, token);
    if (pair === undefined) return jsonAnswer(200, {});
    if (pair.clientId !== client.clientId) return refusal();
    revokePair(deps.provider, pair);
    return jsonAnswer(200, {});
  };
}

function refusal(): Answer {
  return jsonAnswer(403, {
    error: 'unauthorized_client',
    error_description: 'You are not authorized to revoke this token',
  });
}
