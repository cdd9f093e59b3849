// Followed: https://github.com/jaredhanson/passport-oauth2/blob/v1.8.0/README.md,
// https://www.passportjs.org/concepts/oauth2/profile/ and
// https://www.passportjs.org/howtos/session/; passport has nothing for refreshing.
import express from 'express';
import passport from 'passport';
import OAuth2Strategy from 'passport-oauth2';
import { baseUrl } from './lib/base-url.mjs';
import { jsonErrors } from './lib/errors.mjs';
import { tokensFrom } from './lib/refresh.mjs';
import { serve } from './lib/serve.mjs';
import { sessionRoutes } from './lib/session-routes.mjs';
import { redisSession } from './lib/session.mjs';
import { clientId, clientSecret, providerUrl, scope } from './lib/settings.mjs';

class BenchStrategy extends OAuth2Strategy {
  authorizationParams(options) {
    return options.loginHint === undefined ? {} : { login_hint: options.loginHint };
  }

  userProfile(accessToken, done) {
    this._oauth2.useAuthorizationHeaderforGET(true);
    this._oauth2.get(`${providerUrl}/userinfo`, accessToken, (error, body) => {
      if (error) return done(new OAuth2Strategy.InternalOAuthError('No profile', error));
      try {
        done(null, JSON.parse(body));
      } catch (parseError) {
        done(parseError);
      }
    });
  }
}

passport.use(
  'bench',
  new BenchStrategy(
    {
      authorizationURL: `${providerUrl}/authorize`,
      tokenURL: `${providerUrl}/token`,
      clientID: clientId,
      clientSecret,
      callbackURL: `${baseUrl}/callback`,
      scope: scope.split(' '),
      state: true,
      pkce: true,
    },
    (_accessToken, refreshToken, answer, profile, done) =>
      // The answer comes without its refresh token.
      done(null, { sub: profile.sub }, { tokens: tokensFrom(answer, { refreshToken }) }),
  ),
);
passport.serializeUser((user, done) => process.nextTick(() => done(null, user)));
passport.deserializeUser((user, done) => process.nextTick(() => done(null, user)));

const app = express();
app.use(await redisSession());
app.use(passport.session());

app.get('/login', (req, res, next) =>
  passport.authenticate('bench', { loginHint: req.query.login_hint })(req, res, next),
);
app.get('/callback', passport.authenticate('bench', { failWithError: true }), (req, res, next) => {
  Object.assign(req.session, { sub: req.user.sub, tokens: req.authInfo.tokens });
  req.session.save((error) => (error ? next(error) : res.redirect('/')));
});
sessionRoutes(app);

app.use(jsonErrors);
serve(app);
