import { once } from 'node:events';
import { get as httpGet } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import supertest from 'supertest';
import { requestId } from '../../src/http/request-id.js';
import { type RequestLine, requestLog } from '../../src/http/request-log.js';

describe('requestLog', () => {
  /** An app and its next line. */
  function appWith(handler: RequestHandler) {
    const lines: RequestLine[] = [];
    let reported: (line: RequestLine) => void = () => undefined;
    const line = new Promise<RequestLine>((resolve) => {
      reported = resolve;
    });
    const app = express();
    app.use(requestId());
    app.use(
      requestLog((one) => {
        lines.push(one);
        reported(one);
      }),
    );
    app.use('/oauth', handler);
    return { app, line, lines };
  }

  it('an answer → one line: id, method, path, status, time; never the query', async () => {
    const { app, line, lines } = appWith((_req, res) => void res.status(418).send('x'));
    const path = '/oauth/callback?code=code-77f1&state=state-90ab';
    await supertest(app).post(path).set('X-Request-Id', 'request-1');
    const { ms, ...rest } = await line;
    expect(rest).toEqual({
      requestId: 'request-1',
      method: 'POST',
      path: '/oauth/callback',
      status: 418,
    });
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toMatch(/code-77f1|state-90ab/);
  });

  it('an endless path → cut', async () => {
    const { app, line } = appWith((_req, res) => void res.end());
    await supertest(app).get(`/oauth/${'x'.repeat(500)}`);
    expect((await line).path).toBe(`/oauth/${'x'.repeat(193)}`);
  });

  it.each([
    ['/portal/patients/8d1c6a52-0f1e', '/portal/patients/:id'],
    [
      '/api/fullscript/clinic/patients/17/orders?page=2',
      '/api/fullscript/clinic/patients/:id/orders',
    ],
    ['/portal/patients/a%20b1', '/portal/patients/:id'],
    ['/oauth/authorize?state=s', '/oauth/authorize'],
  ])('%s → %s, without the id of a patient', async (path, shown) => {
    const { app, line } = appWith((_req, res) => void res.send('ok'));
    await supertest(app).get(path);
    expect(await line).toMatchObject({ path: shown });
  });

  it.each<[string, RequestHandler]>([
    ['before the answer', (req) => void req.socket.emit('test-arrived')],
    [
      'in the middle of the answer',
      (req, res) => void res.write('half', () => req.socket.emit('test-arrived')),
    ],
  ])('the caller goes away %s → 499', async (_when, handler) => {
    const { app, line } = appWith(handler);
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const arrived = once(server, 'connection').then(([socket]) => {
      return once(socket as NodeJS.EventEmitter, 'test-arrived');
    });
    const { port } = server.address() as AddressInfo;
    const call = httpGet({ port, host: '127.0.0.1', path: '/oauth/authorize?state=s' });
    call.on('error', () => undefined);
    await arrived;
    call.destroy();
    const reported = await line;
    server.close();
    expect(reported).toMatchObject({ status: 499, path: '/oauth/authorize' });
  });
});
