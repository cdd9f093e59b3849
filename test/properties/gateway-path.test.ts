import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import express, { type ErrorRequestHandler } from 'express';
import fc from 'fast-check';
import { createApiClient } from '../../src/fullscript/api-client.js';
import { apiUrlFor } from '../../src/fullscript/api-path.js';
import { ApiPathError } from '../../src/fullscript/errors.js';
import { gatewayRoutes } from '../../src/routes/gateway.js';
import { nastyText } from '../support/nasty-text.js';

const BASES = [
  'https://api-us-snd.fullscript.io/api',
  'https://api.example:8443/v1/api',
  'http://127.0.0.1:4000',
];
const TOKEN = 'the-bearer-of-somebody';

const SEGMENTS = [
  ...['oauth', 'OAuth', '%6fauth', '%4FAUTH', '%256fauth', 'oauth%2ftoken', 'token', 'a', ''],
  ...['.', '..', '%2e', '%2e%2e', '.%2E', '%252e%252e', '..;', '@evil.example', '%5c..'],
  ...['oauth;x=1', 'oauth.', 'oauth%3b', 'oauth.json', 'oauth%2e', '..;x=1', '%2e%2e%3b'],
];
/** Anything, or segments that climb about and look for the OAuth endpoints. */
const anyPath = fc.oneof(
  { weight: 3, arbitrary: nastyText() },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.constantFrom(...SEGMENTS), { minLength: 1, maxLength: 5 })
      .map((segments) => `/${segments.join('/')}`),
  },
);

/** What a server may leave out of each segment. */
const withoutParameters = (path: string) => path.replace(/[;,][^/]*/g, '');
const withoutEndings = (path: string) => path.replace(/(?<=[^./])\.[^/]*/g, '');

/**
 * What a server may make of a path before it looks for a route: decoded again and again, without parameters
 * and endings, tidied up.
 */
function tidiedUp(path: string): string[] {
  const seen = [path];
  for (let times = 0; times < 3; times += 1) {
    try {
      seen.push(decodeURIComponent(seen.at(-1)!));
    } catch {
      break;
    }
  }
  const bare = seen.map(withoutParameters);
  const readings = [...seen, ...bare, ...bare.map(withoutEndings)];
  return readings.map((one) => new URL(`http://any.example${one}`).pathname);
}

/** Below the base and not at the OAuth endpoints, however it is read. */
function expectInside(base: URL, path: string): void {
  const root = `${base.pathname.replace(/\/$/, '')}/`;
  for (const reading of tidiedUp(path)) {
    expect(reading.startsWith(root)).toBe(true);
    expect(reading.slice(root.length)).not.toMatch(/^\/*oauth(\/|$)/i);
  }
}

function urlOrRefusal(base: string, path: string, query?: string): URL | undefined {
  try {
    return apiUrlFor(base, path, query);
  } catch (error) {
    expect(error).toBeInstanceOf(ApiPathError);
    return undefined;
  }
}

describe('SR-33', () => {
  it('SR-33 any path and query → refused, or a URL below the base of the API', () => {
    const seen = { called: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.constantFrom(...BASES),
        anyPath,
        fc.option(nastyText(), { nil: undefined }),
        (apiUrl, path, query) => {
          const url = urlOrRefusal(apiUrl, path, query);
          seen[url === undefined ? 'refused' : 'called'] += 1;
          if (url === undefined) return;
          const base = new URL(apiUrl);
          expect({ ...{ origin: url.origin, user: url.username }, hash: url.hash }).toEqual({
            ...{ origin: base.origin, user: '' },
            hash: '',
          });
          expectInside(base, url.pathname);
        },
      ),
      { numRuns: 1_500 },
    );
    expect(seen.called).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  });

  it.each(['/%2E%2e%3f', '/..%23', '/..%20', '/oauth%3Fx/token', '/%6fauth%20'])(
    'SR-33 %s, which becomes another path where it is decoded first → refused',
    (path) => {
      expect(() => apiUrlFor('https://api.example/api', path)).toThrow(ApiPathError);
    },
  );

  it('SR-33 a path to any plain id → is called, and the id arrives as it is', () => {
    const id = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
      .filter((text) => !/[/\\%\p{Cc}]|^[\s+]*(\.+[\s+]*([;?#]|$)|oauth)/iu.test(text));
    fc.assert(
      fc.property(fc.constantFrom(...BASES), id, (apiUrl, text) => {
        const { pathname } = apiUrlFor(apiUrl, `/clinic/patients/${encodeURIComponent(text)}`);
        expect(decodeURIComponent(pathname.split('/').at(-1)!)).toBe(text);
      }),
    );
  });
});

describe('SR-33 over HTTP', () => {
  interface Seen {
    readonly url: string;
    readonly authorization: string | undefined;
  }
  const servers: Server[] = [];
  const calls: Seen[] = [];
  const trapped: Seen[] = [];
  let gateway: number;
  let trap: number;

  async function listening(server: Server): Promise<number> {
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  const recorder = (into: Seen[]) =>
    createServer((req, res) => {
      into.push({ url: req.url ?? '', authorization: req.headers.authorization });
      res.end('{}');
    });

  beforeAll(async () => {
    const api = await listening(recorder(calls));
    trap = await listening(recorder(trapped));
    const tokenSource = {
      current: () => Promise.resolve(TOKEN),
      replacing: () => Promise.resolve(TOKEN),
    };
    const apiUrl = `http://127.0.0.1:${api}/api`;
    const client = createApiClient({ apiUrl, tokenSource, timeoutMs: 5_000 });
    const app = express().set('case sensitive routing', true);
    app.use(
      gatewayRoutes({
        requireGrant: (_req, res, next) => {
          res.locals['fullscript'] = { api: client };
          next();
        },
      }),
    );
    // eslint-disable-next-line max-params -- Express tells error handlers by their four parameters
    const refused: ErrorRequestHandler = (error: unknown, _req, res, next) => {
      if (error instanceof ApiPathError) res.sendStatus(400);
      else next(error);
    };
    gateway = await listening(createServer(app.use(refused)));
  });

  afterAll(() => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });

  beforeEach(() => {
    calls.length = 0;
    trapped.length = 0;
  });

  /** A request line byte for byte, as no client library would let it out. */
  async function sendRaw(target: string): Promise<number> {
    const socket = createConnection({ host: '127.0.0.1', port: gateway });
    socket.write(
      `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      'latin1',
    );
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(await readText(socket)) ?? [];
    return Number(status);
  }

  it('SR-33 any path at the gateway → the bearer goes below the base of the API, or nowhere', async () => {
    const target = fc
      .tuple(anyPath, fc.constantFrom('/api/fullscript', '/api/fullscript/', ''))
      .map(([text, prefix]) => `${prefix}${text}`.replace(/[\r\n ]/g, ''))
      .map((text) => text.replaceAll('evil.example', `127.0.0.1:${trap}`));
    await fc.assert(
      fc.asyncProperty(target, async (text) => {
        calls.length = 0;
        const status = await sendRaw(text === '' ? '/' : text);
        expect(status).not.toBe(500);
        expect(trapped).toEqual([]);
        expect(calls.length).toBe(status === 200 ? 1 : 0);
        for (const { url, authorization } of calls) {
          expect(authorization).toBe(`Bearer ${TOKEN}`);
          expectInside(new URL('http://any.example/api'), url.split('?')[0]!);
          expect(url).not.toContain(TOKEN);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('SR-33 a plain path at the gateway → is called as it was sent', async () => {
    const segment = fc
      .stringMatching(/^[A-Za-z0-9_-]{1,12}$/)
      .filter((one) => !/^oauth$/i.test(one));
    await fc.assert(
      fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 4 }), async (segments) => {
        const path = segments.join('/');
        expect(await sendRaw(`/api/fullscript/${path}?page=1`)).toBe(200);
        expect(calls.at(-1)?.url).toBe(`/api/${path}?page=1`);
      }),
      { numRuns: 20 },
    );
  });
});
