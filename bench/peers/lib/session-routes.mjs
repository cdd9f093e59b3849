import { handOn } from './gateway.mjs';
import { freshTokens } from './refresh.mjs';

/** The routes of those who keep `sub` and `tokens` in the session. */
export function sessionRoutes(app) {
  app.get('/', (_req, res) => res.type('text/plain').send('home'));
  app.get('/me', freshTokens, (req, res) => {
    const { sub, tokens } = req.session;
    res.json({ signedIn: true, sub, scope: tokens.scope, expiresAt: tokens.expiresAt });
  });
  app.get('/api/*path', freshTokens, (req, res) =>
    handOn(req, res, req.session.tokens.accessToken),
  );
}
