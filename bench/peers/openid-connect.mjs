// Followed: https://github.com/auth0/express-openid-connect/blob/v3.4.0/EXAMPLES.md, sections 3
// (routes), 5 (refresh tokens) and 10 (a session store).
import express from 'express';
import openidConnect from 'express-openid-connect';
import { baseUrl } from './lib/base-url.mjs';
import { jsonErrors } from './lib/errors.mjs';
import { handOn } from './lib/gateway.mjs';
import { serve } from './lib/serve.mjs';
import { redisStore } from './lib/session.mjs';
import { clientId, clientSecret, providerUrl, scope, sessionSecret } from './lib/settings.mjs';

const app = express();
app.use(
  openidConnect.auth({
    issuerBaseURL: providerUrl,
    baseURL: baseUrl,
    clientID: clientId,
    clientSecret,
    secret: sessionSecret,
    authRequired: false,
    authorizationParams: { response_type: 'code', scope },
    session: { store: await redisStore() },
    // Its own login route has no place for a login hint.
    routes: { login: false },
  }),
);

app.get('/', (_req, res) => res.type('text/plain').send('home'));
app.get('/login', (req, res) => {
  const hint = req.query.login_hint;
  const authorizationParams = hint === undefined ? {} : { login_hint: hint };
  return res.oidc.login({ returnTo: '/', authorizationParams });
});
app.get('/me', freshToken, (req, res) => {
  // The session keeps no scope: what was granted is what was asked for.
  const { expires_in: seconds } = req.oidc.accessToken;
  const expiresAt = Date.now() + seconds * 1000;
  res.json({ signedIn: true, sub: req.oidc.user.sub, scope, expiresAt });
});
app.get('/api/*path', freshToken, (req, res) =>
  handOn(req, res, req.oidc.accessToken.access_token),
);

/** The refresh of its documentation. */
async function freshToken(req, res, next) {
  const token = req.oidc.accessToken;
  if (token === undefined) return res.status(401).json({ signedIn: false });
  try {
    if (token.isExpired()) await token.refresh();
  } catch (error) {
    // Only an answer of the provider has a code of OAuth.
    if (error.error === undefined) throw error;
    return res.status(401).json({ signedIn: false, error: error.error });
  }
  next();
}

app.use(jsonErrors);
serve(app);
