import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import express from 'express';
import { fullscriptOf, requireGrant } from '../../src/index.js';

/** As somebody else's app uses it: no metrics, no traces. */

const closing: Server[] = [];

afterEach(() => {
  for (const server of closing.splice(0)) server.close();
});

async function listening(app: express.Express): Promise<string> {
  const server = createServer(app).listen(0, '127.0.0.1');
  closing.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Deps = Parameters<typeof requireGrant>[0];

it('without metrics and traces → a route gets its API, with the bearer', async () => {
  const api = express().get('/api/clinic', (req, res) => {
    res.json({ known: req.get('authorization') === 'Bearer the-token' });
  });
  const apiUrl = `${await listening(api)}/api`;
  const grant = { tokens: { accessToken: { reveal: () => 'the-token' } } };
  const deps = {
    refresher: { current: () => Promise.resolve(grant) },
    registration: () => ({ server: { apiUrl } }),
    apiTimeoutMs: 5_000,
    signInPath: () => '/',
  } as unknown as Deps;
  const app = express();
  app.use((req, _res, next) => {
    const owner = { id: '1', type: 'Staff' };
    Object.assign(req, {
      session: { signIn: { key: { registration: 'us-sandbox', owner }, at: 0 } },
    });
    next();
  });
  app.get('/clinic', requireGrant(deps), async (_req, res) => {
    const { body } = await fullscriptOf(res).api.request({ method: 'GET', path: '/clinic' });
    res.type('json').send(body);
  });
  const answer = await fetch(`${await listening(app)}/clinic`);
  expect([answer.status, await answer.text()]).toEqual([200, '{"known":true}']);
});
