import { type Answer, emptyAnswer, jsonAnswer, NO_STORE } from './answer.js';
import { type Call, field } from './call.js';
import { challenge } from './oauth-error.js';
import type { Pair } from './pair.js';
import { isExpired, presentAccessToken, type Provider, secondsLeft } from './provider.js';
import { scopesLeft } from './settings.js';

const INVALID = 'The access token is invalid';

/** A handler that needs a live access token with certain scopes. */
export type BearerHandler = (call: Call, pair: Pair) => Answer;

/** Lets a call through when its token is live and was granted `scope`. */
export function requireScope(
  provider: Provider,
  scope: string,
  handler: BearerHandler,
): (call: Call) => Answer {
  return (call) => {
    const pair = presentedPair(provider, call);
    if (pair === undefined) return unauthorized(INVALID);
    if (pair.revoked) return unauthorized('The access token was revoked');
    if (isExpired(provider, pair)) return unauthorized('The access token expired');
    const scopes = scopesLeft(provider.settings, pair.scopes);
    if (!scopes.includes(scope)) return bare(403);
    return handler(call, { ...pair, scopes });
  };
}

/** What the server knows about the presented token. Looking it up here is a use of it, too. */
export function createTokenInfo(provider: Provider): (call: Call) => Answer {
  return (call) => {
    const pair = presentedPair(provider, call);
    if (pair === undefined || pair.revoked || isExpired(provider, pair)) {
      const body = { error: 'invalid_token', error_description: INVALID, state: 'unauthorized' };
      return jsonAnswer(401, body, { ...NO_STORE, ...challenge('invalid_token', INVALID) });
    }
    return jsonAnswer(200, {
      resource_owner_id: pair.owner.id,
      scope: scopesLeft(provider.settings, pair.scopes),
      expires_in: secondsLeft(provider, pair),
      application: { uid: pair.clientId },
      created_at: Math.floor(pair.createdAt / 1000),
      resource_owner_type: pair.owner.type,
    });
  };
}

function presentedPair(provider: Provider, call: Call): Pair | undefined {
  const header = /^Bearer\s+(\S+)$/i.exec(call.headers.authorization ?? '')?.[1];
  const token = header ?? call.query.get('access_token') ?? field(call, 'access_token');
  return token === undefined ? undefined : presentAccessToken(provider, token);
}

function unauthorized(description: string): Answer {
  return bare(401, challenge('invalid_token', description));
}

/** Empty, and HTML whatever was asked for: a client must decide on the status alone. */
function bare(status: number, headers: Record<string, string> = {}): Answer {
  return {
    ...emptyAnswer(status),
    headers: { 'content-type': 'text/html', ...NO_STORE, ...headers },
  };
}
