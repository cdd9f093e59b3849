// Followed: https://expressjs.com/en/starter/hello-world.html
import express from 'express';
import { serve } from './lib/serve.mjs';

const app = express();
app.get('/me', (_req, res) => res.json({ signedIn: true, sub: 'nobody' }));
serve(app);
