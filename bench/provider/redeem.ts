import { createHash } from 'node:crypto';
import { issuePair, type Pair } from './pairs.js';
import type { Code, Provider } from './provider.js';

/** An error of RFC 6749, or the pair that was issued with the nonce its id_token should have. */
export type Redeemed = { error: string } | { pair: Pair; nonce: string | undefined };

/** What a request may say, whatever it was written in. */
export type Fields = Record<string, unknown>;

/** A client that was authenticated redeems a code or a refresh token. */
export function redeem(provider: Provider, clientId: string, fields: Fields): Redeemed {
  if (fields['grant_type'] === 'authorization_code') return redeemCode(provider, clientId, fields);
  if (fields['grant_type'] === 'refresh_token') return refresh(provider, clientId, fields);
  return { error: 'unsupported_grant_type' };
}

function redeemCode(provider: Provider, clientId: string, fields: Fields): Redeemed {
  const value = String(fields['code']);
  const code = provider.codes.get(value);
  provider.codes.delete(value);
  if (code?.clientId !== clientId || !matches(code, fields)) return invalidGrant(provider);
  const pair = issuePair(provider.pairs, code, { seconds: provider.settings.accessTokenSeconds });
  provider.counts.exchanges += 1;
  return { pair, nonce: code.nonce };
}

function matches(code: Code, fields: Fields): boolean {
  if (fields['redirect_uri'] !== code.redirectUri) return false;
  if (code.challenge === undefined) return true;
  const verifier = String(fields['code_verifier']);
  return createHash('sha256').update(verifier).digest('base64url') === code.challenge;
}

/** The old pair stays: it ends when the new one is first used. */
function refresh(provider: Provider, clientId: string, fields: Fields): Redeemed {
  const previous = provider.pairs.byRefreshToken.get(String(fields['refresh_token']));
  if (previous?.clientId !== clientId) return invalidGrant(provider);
  const seconds = provider.settings.accessTokenSeconds;
  const pair = issuePair(provider.pairs, previous, { seconds, previous });
  provider.counts.refreshes += 1;
  return { pair, nonce: undefined };
}

function invalidGrant(provider: Provider): Redeemed {
  provider.counts.invalidGrants += 1;
  return { error: 'invalid_grant' };
}
