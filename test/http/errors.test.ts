import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import express, { type ErrorRequestHandler } from 'express';
import supertest from 'supertest';
import { FullscriptApiError } from '../../src/fullscript/errors.js';
import { StoreUnavailableError } from '../../src/grants/errors.js';
import { errorCode, errorHandler, type ErrorView } from '../../src/http/error-handler.js';
import { ERROR_TABLE, type ErrorCode, type WayForward } from '../../src/http/error-table.js';
import { NotSignedInError, RouteError, TooManyRequestsError } from '../../src/http/errors.js';
import { requestId } from '../../src/http/request-id.js';
import { AuthorizationResponseError, TokenEndpointError } from '../../src/oauth/errors.js';
import { rejection } from '../fixtures/shown.js';

/** The button of an error page on a GET. */
const WAYS_OUT: Record<WayForward, { href: string; label: string }> = {
  start_again: { href: '/', label: 'Start again' },
  sign_in_again: { href: '/oauth/authorize', label: 'Start again' },
  reconnect: { href: '/oauth/authorize', label: 'Connect again' },
  retry: { href: '', label: 'Try again' },
  renew: { href: '', label: 'Try again' },
  home: { href: '/', label: 'Back to the start' },
  operator: { href: '/', label: 'Back to the start' },
  ask: { href: '/', label: 'Back to the start' },
};

describe('errorHandler', () => {
  interface Report {
    error: unknown;
    code: ErrorCode;
    status: number;
    requestId: string;
  }

  /** An app whose every route fails with the error; pages show their view as JSON. */
  function failingWith(error: unknown, options: { sendFirst?: string } = {}) {
    const reports: Report[] = [];
    const app = express();
    app.set('views', join(process.cwd(), 'views'));
    app.set('view engine', 'ejs');
    app.engine('ejs', (_path, view, done) => {
      done(null, JSON.stringify((view as { page: ErrorView }).page));
    });
    app.use(requestId());
    app.use((_req, res) => {
      if (options.sendFirst !== undefined) res.write(options.sendFirst);
      throw error;
    });
    app.use(errorHandler({ report: (report) => reports.push(report) }));
    const left: unknown[] = [];
    // eslint-disable-next-line max-params -- Express tells error handlers by their four parameters
    app.use(((failure, _req, _res, next) => {
      left.push(failure);
      next(failure);
    }) as ErrorRequestHandler);
    return { agent: supertest(app), reports, left };
  }

  const coded = (code: string) => Object.assign(new Error('for the log only'), { code });

  it.each<[ErrorCode, number]>([
    ['state_unknown', 400],
    ['needs_reconnect', 401],
    ['store_unavailable', 503],
    ['no_answer', 504],
    ['path_refused', 400],
    ['invalid_client', 502],
    ['user_disabled', 403],
    ['internal_error', 500],
  ])('%s → %i as problem JSON below /api/, as a page elsewhere', async (code, status) => {
    const { title, detail, way } = ERROR_TABLE[code];
    const { agent, reports } = failingWith(coded(code));
    const problem = await agent.get('/api/x?y=1').set('X-Request-Id', 'request-1');
    expect(problem.status).toBe(status);
    expect(problem.get('Content-Type')).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(problem.text)).toEqual({
      type: 'about:blank',
      title,
      status,
      detail,
      code,
      requestId: 'request-1',
    });
    const page = await agent.get('/portal/api/x').set('X-Request-Id', 'request-2');
    expect(page.status).toBe(status);
    expect(page.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(JSON.parse(page.text)).toEqual({
      title,
      detail,
      ...WAYS_OUT[way],
      code,
      requestId: 'request-2',
      // The page asks by itself whether the store is back.
      ...(code === 'store_unavailable' ? { retry: '2' } : {}),
    });
    expect(problem.text + page.text).not.toContain('for the log only');
    expect(reports.map((one) => [one.code, one.status, one.requestId])).toEqual([
      [code, status, 'request-1'],
      [code, status, 'request-2'],
    ]);
  });

  it.each<[string, Error, ErrorCode]>([
    ['nobody signed in', new NotSignedInError(), 'not_signed_in'],
    ['callback', new AuthorizationResponseError('access_denied', 'x'), 'access_denied'],
    ['token endpoint', new TokenEndpointError('no_answer'), 'no_answer'],
    ['resource API', new FullscriptApiError('fullscript_timeout'), 'fullscript_timeout'],
    ['body too large', Object.assign(new Error(), { status: 413 }), 'payload_too_large'],
    ['body encoding', Object.assign(new Error(), { status: 415 }), 'unsupported_media_type'],
    ['another 4xx', Object.assign(new Error(), { status: 422 }), 'bad_request'],
    ['a 5xx of a library', Object.assign(new Error(), { status: 503 }), 'internal_error'],
    ['a status that is no number', Object.assign(new Error(), { status: '404' }), 'internal_error'],
    ["the system's code", Object.assign(new Error(), { code: 'ECONNRESET' }), 'internal_error'],
    ['a code of JavaScript', Object.assign(new Error(), { code: 'constructor' }), 'internal_error'],
  ])('error: %s → its code', (_what, error, code) => {
    expect(errorCode(error)).toBe(code);
  });

  it.each([['text'], [{ code: 'not_found' }], [42]])(
    '%j thrown → internal_error',
    async (value) => {
      const { agent, reports } = failingWith(value);
      const response = await agent.get('/api/x');
      expect(response.status).toBe(500);
      expect(reports).toMatchObject([{ error: value, code: 'internal_error', status: 500 }]);
    },
  );

  it.each([
    [1, '1'],
    [41_001, '42'],
  ])('a limit for %i ms more → the page says how long', async (ms, expected) => {
    const page = await failingWith(new TooManyRequestsError(ms)).agent.get('/portal');
    expect((JSON.parse(page.text) as ErrorView).wait).toBe(expected);
  });

  it('an error nobody foresaw → 500, its message for the report and not for the answer', async () => {
    const error = new TypeError('password hunter2 in /srv/app.js');
    const { agent, reports } = failingWith(error);
    const [problem, page] = [await agent.get('/api/x'), await agent.get('/portal')];
    for (const response of [problem, page]) {
      expect(response.status).toBe(500);
      expect(response.text).toContain('internal_error');
      expect(response.text).not.toMatch(/hunter2|app\.js|TypeError/);
    }
    expect(reports.map((one) => one.error)).toEqual([error, error]);
  });

  it('the address is malformed → 400, by Express itself', async () => {
    const app = express();
    app.use(requestId());
    app.get('/api/:id', (_req, res) => res.send('x'));
    app.use(errorHandler({ report: () => undefined }));
    const response = await supertest(app).get('/api/%');
    expect(response.status).toBe(400);
    expect(response.text).toContain('"bad_request"');
  });

  it('a body too large or no JSON → 413, 400', async () => {
    const app = express();
    app.use(requestId(), express.json({ limit: 20 }));
    app.use(errorHandler({ report: () => undefined }));
    const send = (text: string) => supertest(app).post('/api/x').type('json').send(text);
    expect((await send(JSON.stringify('x'.repeat(30)))).status).toBe(413);
    const broken = await send('{"secret');
    expect(broken.status).toBe(400);
    expect(broken.text).not.toContain('secret');
  });

  it('headers are out already → the connection is cut, and the failure reported once', async () => {
    const error = new Error('late');
    const { agent, reports, left } = failingWith(error, { sendFirst: 'half' });
    const failure = await rejection(agent.get('/api/x').then((response) => response.text));
    expect(failure).toMatchObject({ code: 'ECONNRESET' });
    expect(reports).toMatchObject([{ error, code: 'internal_error' }]);
    // Express would print it past the log.
    expect(left).toEqual([]);
  });

  it.each<[string, Error, string | undefined]>([
    [
      'token endpoint says 1.5 s',
      new TokenEndpointError('rate_limited', { retryAfterMs: 1_500 }),
      '2',
    ],
    ['API says 30', new FullscriptApiError('fullscript_rate_limited', { retryAfter: '30' }), '30'],
    [
      'API says a date',
      new FullscriptApiError('fullscript_rate_limited', { retryAfter: 'Mon, 23' }),
      '2',
    ],
    [
      'API says two lines',
      new FullscriptApiError('fullscript_rate_limited', { retryAfter: '1\r\nx: y' }),
      '2',
    ],
    ['store', new StoreUnavailableError('read', undefined), '2'],
    ['502', new TokenEndpointError('server_error', { status: 503, retryAfterMs: 1_000 }), '1'],
    ['500', new Error('x'), undefined],
    ['404', new RouteError('not_found'), undefined],
    ['a limit of ours', new TooManyRequestsError(41_001), '42'],
  ])('%s → Retry-After where it helps to come back', async (_what, error, expected) => {
    const response = await failingWith(error).agent.get('/api/x');
    expect(response.get('Retry-After')).toBe(expected);
  });
});

describe('ERROR_TABLE', () => {
  // Which codes there are, and their statuses, stand in docs/errors.md, which has to be as the table is.
  it('every code → words for a person', () => {
    const rows = Object.values(ERROR_TABLE);
    expect(rows.filter(({ title, detail }) => title === '' || !detail.endsWith('.'))).toEqual([]);
  });
});
