import { describe, expect, it } from '@jest/globals';
import express, { type Express } from 'express';
import supertest from 'supertest';
import { formTargets } from '../../src/http/form-targets.js';
import { requestId, requestIdOf } from '../../src/http/request-id.js';
import { noStore, securityHeaders, settingHeaders } from '../../src/http/security-headers.js';
import { registrationOf } from '../fixtures/registration.js';

const BASE_URL = 'https://portal.example.com';

describe('securityHeaders', () => {
  function appWith(https: boolean): Express {
    const app = express();
    app.disable('x-powered-by');
    app.use(settingHeaders(securityHeaders({ https, formTargets: ['https://id.example'] })));
    app.use(settingHeaders(noStore));
    app.get('/', (_req, res) => res.send('<p>'));
    app.get('/static', (_req, res) => res.set('Cache-Control', 'max-age=1').send('x'));
    return app;
  }

  it('https → nothing frames, sniffs, caches us, or loads from elsewhere', async () => {
    const response = await supertest(appWith(true)).get('/');
    expect(response.get('Content-Security-Policy')?.split(';').sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "font-src 'self'",
      "form-action 'self' https://id.example",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "script-src 'self'",
      "style-src 'self'",
      'upgrade-insecure-requests',
    ]);
    expect(response.get('Strict-Transport-Security')).toBe('max-age=63072000');
    expect(response.get('X-Content-Type-Options')).toBe('nosniff');
    expect(response.get('X-Frame-Options')).toBe('DENY');
    expect(response.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
    expect(response.get('Cross-Origin-Resource-Policy')).toBe('same-origin');
    expect(response.get('Referrer-Policy')).toMatch(/^(no-referrer|same-origin)$/);
    expect(response.get('Cache-Control')).toBe('no-store');
  });

  it('any origin asks → no CORS header', async () => {
    const response = await supertest(appWith(true)).get('/').set('Origin', 'https://evil.example');
    const cors = Object.keys(response.headers as object).filter((name) =>
      name.startsWith('access-control-'),
    );
    expect(cors).toEqual([]);
  });

  it('http on this machine → the browser is not told to insist on https', async () => {
    const response = await supertest(appWith(false)).get('/');
    expect(response.get('Strict-Transport-Security')).toBeUndefined();
    expect(response.get('Content-Security-Policy')).not.toContain('upgrade-insecure-requests');
    expect(response.get('Content-Security-Policy')).toContain("frame-ancestors 'none'");
  });

  it('a route with a cache rule of its own → keeps it', async () => {
    const response = await supertest(appWith(true)).get('/static');
    expect(response.get('Cache-Control')).toBe('max-age=1');
  });
});

describe('formTargets', () => {
  const at = (authorizeUrl: string, redirectUri = `${BASE_URL}/oauth/callback`) =>
    registrationOf({ redirectUri, server: { authorizeUrl } });

  it.each([
    [
      'https://us-snd.fullscript.io/oauth/authorize',
      ['https://us-snd.fullscript.io', 'https://*.fullscript.io'],
    ],
    [
      'https://api-us.fullscript.com/api/oauth/authorize',
      ['https://api-us.fullscript.com', 'https://*.fullscript.com'],
    ],
    ['https://notfullscript.com/authorize', ['https://notfullscript.com']],
    ['https://x.fullscript.com.evil.example/', ['https://x.fullscript.com.evil.example']],
    ['http://127.0.0.1:4000/api/oauth/authorize', ['http://127.0.0.1:4000']],
  ])('authorize page at %s → its origin, and where Fullscript may lead from it', (url, origins) => {
    expect(formTargets([at(url)])).toEqual([...origins, BASE_URL]);
  });

  it('several registrations → each origin once', () => {
    const url = 'https://id.example/authorize';
    expect(formTargets([at(url), at(url), at(url, 'http://localhost:1/cb')])).toEqual([
      'https://id.example',
      BASE_URL,
      'http://localhost:1',
    ]);
  });
});

describe('requestId', () => {
  const app = express();
  app.use(requestId());
  app.get('/', (_req, res) => res.send(requestIdOf(res)));

  it.each(['abcd-123', 'x.y_Z-0123456789', 'a'.repeat(64)])(
    'caller sends %s → kept',
    async (id) => {
      const response = await supertest(app).get('/').set('X-Request-Id', id);
      expect([response.text, response.get('X-Request-Id')]).toEqual([id, id]);
    },
  );

  it.each(['short-7', 'a'.repeat(65), 'has blank'])('caller sends %s → one of ours', async (id) => {
    const response = await supertest(app).get('/').set('X-Request-Id', id);
    expect(response.text).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(response.get('X-Request-Id')).toBe(response.text);
  });

  it('caller sends none → a different one each time', async () => {
    const agent = supertest(app);
    const [a, b] = [await agent.get('/'), await agent.get('/')];
    expect(a.text).toMatch(/^[\da-f-]{36}$/);
    expect(a.text).not.toBe(b.text);
  });
});
