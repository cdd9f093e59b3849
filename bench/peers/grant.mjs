// Followed: https://github.com/simov/grant/blob/v5.4.24/README.md (custom providers, OpenID Connect,
// PKCE, the session transport) and
// https://github.com/simov/grant/blob/v5.4.24/examples/session-store/express-redis.js; grant has
// nothing for refreshing.
import express from 'express';
import grant from 'grant';
import { baseUrl } from './lib/base-url.mjs';
import { jsonErrors } from './lib/errors.mjs';
import { tokensFrom } from './lib/refresh.mjs';
import { serve } from './lib/serve.mjs';
import { sessionRoutes } from './lib/session-routes.mjs';
import { redisSession, startSession } from './lib/session.mjs';
import { clientId, clientSecret, providerUrl, scope } from './lib/settings.mjs';

const app = express();
app.use(await redisSession());
app.use('/login', passOnLoginHint);
app.use(
  '/login',
  grant.express({
    // With no prefix, the provider's name is the whole path: `/login` and `/login/callback`.
    defaults: { origin: baseUrl, prefix: '', transport: 'session', state: true },
    login: {
      oauth: 2,
      authorize_url: `${providerUrl}/authorize`,
      access_url: `${providerUrl}/token`,
      // An empty prefix gets lost on the way to the URI that grant would make itself.
      redirect_uri: `${baseUrl}/login/callback`,
      client_id: clientId,
      client_secret: clientSecret,
      scope: scope.split(' '),
      scope_delimiter: ' ',
      nonce: true,
      pkce: true,
      response: ['tokens', 'raw', 'jwt'],
      callback: '/signed-in',
      // With the login hint's dynamic state and none of these, grant ends in a TypeError.
      dynamic: [],
    },
  }),
);

/** Its "dynamic state", which changes the configuration for one request. */
function passOnLoginHint(req, res, next) {
  const hint = req.query.login_hint;
  if (hint !== undefined) res.locals.grant = { dynamic: { custom_params: { login_hint: hint } } };
  next();
}

app.get('/signed-in', (req, res, next) => {
  const { response } = req.session.grant ?? {};
  if (response?.raw === undefined || response.error !== undefined) {
    return res.status(400).json({ signedIn: false, error: response?.error ?? 'no sign-in' });
  }
  const { sub } = response.jwt.id_token.payload;
  const contents = { sub, tokens: tokensFrom(response.raw) };
  startSession(req, contents, (error) => (error ? next(error) : res.redirect('/')));
});
sessionRoutes(app);

app.use(jsonErrors);
serve(app);
