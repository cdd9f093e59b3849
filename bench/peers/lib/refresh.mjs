import { URLSearchParams } from 'node:url';
import { clientId, clientSecret, providerUrl, REFRESH_BEFORE_MS } from './settings.mjs';

/** What is kept of an answer of the token endpoint. */
export function tokensFrom(answer, previous = {}) {
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token ?? previous.refreshToken,
    scope: answer.scope ?? previous.scope,
    expiresAt: Date.now() + Number(answer.expires_in) * 1000,
  };
}

/** Refreshes the tokens in the session when they are about to end, as applications write it by hand. */
export async function freshTokens(req, res, next) {
  const { tokens } = req.session;
  if (tokens === undefined) return res.status(401).json({ signedIn: false });
  if (tokens.expiresAt > Date.now() + REFRESH_BEFORE_MS) return next();
  const answer = await globalThis.fetch(`${providerUrl}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: tokens.refreshToken,
      client_id: clientId,
      client_secret: clientSecret,
    }),
  });
  if (!answer.ok) return res.status(401).json({ signedIn: false, error: await errorOf(answer) });
  req.session.tokens = tokensFrom(await answer.json(), tokens);
  req.session.save(next);
}

async function errorOf(answer) {
  try {
    return (await answer.json()).error;
  } catch {
    return `status ${answer.status}`;
  }
}
