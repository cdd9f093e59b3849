// Followed: https://better-auth.com/docs/integrations/express,
// https://better-auth.com/docs/plugins/generic-oauth,
// https://better-auth.com/docs/concepts/session-management ("Stateless with Secondary Storage") and
// https://better-auth.com/docs/concepts/oauth ("Get Access Token"). Sessions are in Redis; there is no
// other database, so an account's tokens are in an encrypted cookie.
import { betterAuth } from 'better-auth';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import { genericOAuth } from 'better-auth/plugins';
import express from 'express';
import { baseUrl } from './lib/base-url.mjs';
import { jsonErrors } from './lib/errors.mjs';
import { handOn } from './lib/gateway.mjs';
import { openNodeRedis } from './lib/redis.mjs';
import { secondaryStorage } from './lib/secondary-storage.mjs';
import { serve } from './lib/serve.mjs';
import { clientId, clientSecret, providerUrl, scope, sessionSecret } from './lib/settings.mjs';

const auth = betterAuth({
  baseURL: baseUrl,
  secret: sessionSecret,
  secondaryStorage: secondaryStorage(await openNodeRedis()),
  // An hour instead of the five minutes that are documented: as long lives the cookie with the tokens, and the
  // load generator does not take new ones as a browser would.
  session: { cookieCache: { enabled: true, maxAge: 60 * 60, refreshCache: false } },
  // In production it would stop after a hundred sign-ins in ten seconds from one address.
  rateLimit: { enabled: false },
  user: { additionalFields: { sub: { type: 'string', required: false } } },
  plugins: [
    genericOAuth({
      config: [
        {
          providerId: 'bench',
          clientId,
          clientSecret,
          discoveryUrl: `${providerUrl}/.well-known/openid-configuration`,
          scopes: scope.split(' '),
          mapProfileToUser: ({ sub }) => ({ sub }),
        },
      ],
    }),
  ],
});

const app = express();
app.all('/api/auth/*splat', toNodeHandler(auth));

app.get('/', (_req, res) => res.type('text/plain').send('home'));
app.get('/login', async (req, res) => {
  const { response, headers } = await auth.api.signInSocial({
    body: { provider: 'bench', callbackURL: `${baseUrl}/`, loginHint: req.query.login_hint },
    headers: fromNodeHeaders(req.headers),
    returnHeaders: true,
  });
  passOnCookies(headers, res);
  res.redirect(response.url);
});
app.get('/me', withToken, async (req, res) => {
  const { user } = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
  const { scopes, accessTokenExpiresAt } = req.token;
  const expiresAt = accessTokenExpiresAt.getTime();
  res.json({ signedIn: true, sub: user.sub, scope: scopes.join(' '), expiresAt });
});
app.get('/api/*path', withToken, (req, res) => handOn(req, res, req.token.accessToken));

/** Looks for the session, and refreshes the access token in its last five seconds. */
async function withToken(req, res, next) {
  try {
    const { response, headers } = await auth.api.getAccessToken({
      body: { useAccountCookie: true },
      headers: fromNodeHeaders(req.headers),
      returnHeaders: true,
    });
    passOnCookies(headers, res);
    req.token = response;
  } catch (error) {
    // What is no client's fault is an APIError of 500, or none.
    if (!(error.statusCode < 500)) throw error;
    return res.status(401).json({ signedIn: false, error: error.body?.code ?? error.status });
  }
  next();
}

function passOnCookies(headers, res) {
  for (const cookie of headers.getSetCookie()) res.append('set-cookie', cookie);
}

app.use(jsonErrors);
serve(app);
