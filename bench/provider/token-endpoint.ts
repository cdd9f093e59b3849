import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { authenticatedClient } from './client.js';
import { readFields, sendEmpty, sendJson } from './http.js';
import { type Pair, revokePair } from './pairs.js';
import type { Provider } from './provider.js';
import { redeem } from './redeem.js';

/** How a dialect writes a pair. */
export type PairWriter = (provider: Provider, pair: Pair, nonce: string | undefined) => object;

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * The token endpoint. What it does is done when the request is there, and the answer is held back for
 * as long as the settings say: so an answer can be lost or late, as it can with a real server.
 */
export async function answerToken(
  provider: Provider,
  { request, response }: Exchange,
  write: PairWriter,
): Promise<void> {
  const began = performance.now();
  const answer = await tokenAnswer(provider, request, write);
  const { tokenDelayMs } = provider.settings;
  if (tokenDelayMs > 0) await delay(tokenDelayMs);
  sendJson(response, answer.status, answer.body);
  provider.counts.tokenAnswers += 1;
  provider.counts.tokenMs += performance.now() - began;
}

async function tokenAnswer(
  provider: Provider,
  request: IncomingMessage,
  write: PairWriter,
): Promise<{ status: number; body: object }> {
  const fields = (await readFields(request)) ?? {};
  const clientId = authenticatedClient(request, fields);
  if (clientId === undefined) return { status: 401, body: oauthError('invalid_client') };
  const redeemed = redeem(provider, clientId, fields);
  if ('error' in redeemed) return { status: 400, body: oauthError(redeemed.error) };
  return { status: 200, body: write(provider, redeemed.pair, redeemed.nonce) };
}

function oauthError(error: string): object {
  return { error, error_description: `The request was refused: ${error}.` };
}

export const writeStandard: PairWriter = (provider, pair, nonce) => ({
  access_token: pair.accessToken,
  token_type: 'Bearer',
  expires_in: pair.seconds,
  refresh_token: pair.refreshToken,
  scope: pair.scope,
  ...(pair.scope.split(' ').includes('openid') && {
    id_token: provider.idTokens.issue({
      sub: pair.user.id,
      aud: pair.clientId,
      seconds: pair.seconds,
      nonce,
    }),
  }),
});

export const writeFullscript: PairWriter = (_provider, pair) => ({
  oauth: {
    access_token: pair.accessToken,
    token_type: 'Bearer',
    expires_in: pair.seconds,
    refresh_token: pair.refreshToken,
    scope: pair.scope,
    created_at: new Date(pair.issuedAt).toISOString(),
    resource_owner: { id: pair.user.id, type: 'Practitioner' },
  },
});

/** Either token ends the pair; one that nobody knows is as good as revoked. */
export async function answerRevoke(
  provider: Provider,
  { request, response }: Exchange,
): Promise<void> {
  const fields = (await readFields(request)) ?? {};
  const clientId = authenticatedClient(request, fields);
  if (clientId === undefined) {
    sendEmpty(response, 403);
    return;
  }
  const token = String(fields['token']);
  const { byAccessToken, byRefreshToken } = provider.pairs;
  const pair = byAccessToken.get(token) ?? byRefreshToken.get(token);
  if (pair?.clientId === clientId) revokePair(provider.pairs, pair);
  sendJson(response, 200, {});
}
