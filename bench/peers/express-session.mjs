// Followed: https://github.com/tj/connect-redis/blob/v8.1.0/readme.md and, for signing in,
// https://github.com/expressjs/session/blob/v1.19.0/README.md#user-login
import express from 'express';
import { jsonErrors } from './lib/errors.mjs';
import { serve } from './lib/serve.mjs';
import { redisSession, startSession } from './lib/session.mjs';

const app = express();
app.use(await redisSession());

app.get('/', (_req, res) => res.type('text/plain').send('home'));
app.get('/login', (req, res, next) => {
  const user = { id: '7d8f2c1a-3b4e-4f60-8a9b-0c1d2e3f4a5b', name: 'user-1' };
  startSession(req, { user }, (error) => (error ? next(error) : res.redirect(303, '/')));
});
app.get('/me', (req, res) => {
  const { user } = req.session;
  if (user === undefined) return res.status(401).json({ signedIn: false });
  res.json({ signedIn: true, sub: user.id, name: user.name });
});

app.use(jsonErrors);
serve(app);
