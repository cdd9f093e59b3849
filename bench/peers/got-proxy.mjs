// Followed: https://github.com/sindresorhus/got/blob/v14.6.6/documentation/2-options.md#agent
import { Agent } from 'node:http';
import express from 'express';
import got from 'got';
import { jsonErrors } from './lib/errors.mjs';
import { serve } from './lib/serve.mjs';
import { apiUrl } from './lib/settings.mjs';

const client = got.extend({
  agent: { http: new Agent({ keepAlive: true }) },
  headers: { authorization: `Bearer ${process.env.BEARER}` },
  responseType: 'buffer',
  throwHttpErrors: false,
});

const app = express();
app.get('/api/*path', async (req, res) => {
  const answer = await client(apiUrl + req.url.slice('/api'.length));
  res.statusCode = answer.statusCode;
  const type = answer.headers['content-type'];
  if (type !== undefined) res.setHeader('content-type', type);
  res.end(answer.body);
});

app.use(jsonErrors);
serve(app);
