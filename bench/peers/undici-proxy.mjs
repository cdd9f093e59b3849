// Followed: https://github.com/nodejs/undici/blob/v7.16.0/docs/docs/api/Agent.md and
// https://github.com/nodejs/undici/blob/v7.16.0/README.md#undicirequesturl-options-promise
import { Buffer } from 'node:buffer';
import express from 'express';
import { Agent, request } from 'undici';
import { jsonErrors } from './lib/errors.mjs';
import { serve } from './lib/serve.mjs';
import { apiUrl } from './lib/settings.mjs';

// Undici keeps connections alive by itself.
const dispatcher = new Agent();
const headers = { authorization: `Bearer ${process.env.BEARER}` };

const app = express();
app.get('/api/*path', async (req, res) => {
  const answer = await request(apiUrl + req.url.slice('/api'.length), { dispatcher, headers });
  // Read whole: for a small body that costs less than a pipe.
  const body = Buffer.from(await answer.body.arrayBuffer());
  res.statusCode = answer.statusCode;
  const type = answer.headers['content-type'];
  if (type !== undefined) res.setHeader('content-type', type);
  res.end(body);
});

app.use(jsonErrors);
serve(app);
