import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import supertest from 'supertest';
import { requestId } from '../../src/http/request-id.js';
import { serverSpans } from '../../src/tracing/server-spans.js';
import { type RecordedSpan, createRecordingTracer } from '../support/recording-tracer.js';
import { until } from '../support/until.js';

let spans: RecordedSpan[];
let app: express.Express;
let server: ReturnType<express.Express['listen']>;

beforeEach(async () => {
  const recording = createRecordingTracer();
  ({ spans } = recording);
  app = express();
  app.use(requestId(), serverSpans(recording.tracer, false));
  app.get('/people/:id', (_req, res) => void res.send('somebody'));
  app.get(/^\/back\/?$/, (_req, res) => void res.send('back'));
  app.get('/broken', (_req, res) => void res.status(503).send('broken'));
  app.get('/slow', () => undefined);
  app.use('/api/fullscript', (_req, res) => void res.send('api'));
  app.use('/portal/events', (_req, res) => void res.send('stream'));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

describe('serverSpans', () => {
  it.each([
    ['/people/17?name=x', 'GET /people/:id', '/people/:id'],
    ['/back?code=abc&state=def', 'GET /oauth/callback', '/oauth/callback'],
    ['/api/fullscript/clinic/patients/17', 'GET /api/fullscript/*', '/api/fullscript/*'],
    ['/api/fullscripts/17', 'GET', undefined],
    ['/nowhere/17', 'GET', undefined],
  ])('%s → %s', async (path, name, route) => {
    // Not a random one, in which anything may be found.
    await supertest(server).get(path).set('X-Request-Id', 'the-request');
    await until(() => spans[0]?.ended === true);
    expect(spans).toMatchObject([{ name, kind: 'server', failed: undefined }]);
    expect(spans[0]!.attributes['http.route']).toBe(route);
    expect(JSON.stringify(spans)).not.toMatch(/17|abc|def|name=/);
  });

  it("an event stream → no span: it would be open for an hour, with the store's answers in it", async () => {
    expect((await supertest(server).get('/portal/events?now')).status).toBe(200);
    expect(spans).toEqual([]);
  });

  it('an answer that says something is broken → a failure, by status', async () => {
    await supertest(server).get('/broken');
    await until(() => spans[0]?.ended === true);
    expect(spans[0]).toMatchObject({ failed: '503' });
    expect(spans[0]!.attributes['http.response.status_code']).toBe(503);
  });

  it('a caller who goes away → no status, and no failure of ours', async () => {
    const { port } = server.address() as AddressInfo;
    const going = request({ port, path: '/slow' }).on('error', () => undefined);
    going.end();
    await until(() => spans.length === 1);
    going.destroy();
    await until(() => spans[0]?.ended === true);
    expect(spans[0]!.failed).toBeUndefined();
    expect(spans[0]!.attributes).toMatchObject({ 'error.type': 'caller_went_away' });
    expect(spans[0]!.attributes['http.response.status_code']).toBeUndefined();
  });
});
