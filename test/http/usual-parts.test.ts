import { EventEmitter, once } from 'node:events';
import {
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  get as httpGet,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import express, {
  type ErrorRequestHandler,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import supertest from 'supertest';
import { clientView } from '../../src/http/client-view.js';
import { goOn, goingOn } from '../../src/http/going-on.js';
import { inTurn } from '../../src/http/in-turn.js';
import { remembered } from '../../src/http/remembered.js';
import { reportAtEnd } from '../../src/http/request-log.js';
import { sendJson } from '../../src/http/send-json.js';

/** Small parts that stand in for some of Express. */

const NO_REQUEST = {} as unknown as Request;
const NO_ANSWER = {} as unknown as Response;

describe('inTurn', () => {
  const failure = new Error('in turn');

  /** What handlers come to, one after the other as Express has them, or as one. */
  async function outcome(handlers: RequestHandler[], asOne: boolean) {
    const app = express();
    const seen: string[] = [];
    app.use((_req, res, next) => {
      res.locals['seen'] = seen;
      next();
    });
    if (asOne) app.use(inTurn(...handlers));
    else for (const handler of handlers) app.use(handler);
    app.use((_req, res) => void res.send('through'));
    // eslint-disable-next-line max-params, @typescript-eslint/no-unused-vars -- Express tells error handlers by their four parameters
    const last: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
      res.status(500).send(error === failure ? 'the failure' : String(error));
    };
    app.use(last);
    const { text } = await supertest(app).get('/');
    return { text, seen };
  }

  const note =
    (name: string): RequestHandler =>
    (_req, res, next) => {
      (res.locals['seen'] as string[]).push(name);
      next();
    };
  const later: RequestHandler = async (_req, res, next) => {
    await Promise.resolve();
    (res.locals['seen'] as string[]).push('later');
    next();
  };

  const cases: [string, RequestHandler[], string, string[]][] = [
    ['none', [], 'through', []],
    ['one', [note('a')], 'through', ['a']],
    ['several', [note('a'), note('b'), note('c')], 'through', ['a', 'b', 'c']],
    ['one that takes time', [note('a'), later, note('b')], 'through', ['a', 'later', 'b']],
    ['one that answers', [(_req, res) => void res.send('done'), note('b')], 'done', []],
    [
      'one that throws',
      [
        () => {
          throw failure;
        },
        note('b'),
      ],
      'the failure',
      [],
    ],
    ['one that rejects', [() => Promise.reject(failure), note('b')], 'the failure', []],
    [
      'one that passes an error on',
      [
        note('a'),
        (_req, _res, next) => {
          next(failure);
        },
        note('b'),
      ],
      'the failure',
      ['a'],
    ],
    [
      'one that passes null on, which is no error',
      [
        (_req, _res, next) => {
          next(null);
        },
        note('b'),
      ],
      'through',
      ['b'],
    ],
  ];

  it.each(cases)('%s → as Express does it', async (...[, handlers, text, seen]) => {
    expect(await outcome(handlers, false)).toEqual({ text, seen });
    expect(await outcome(handlers, true)).toEqual({ text, seen });
  });

  it('nothing takes time → done at once', () => {
    const seen: string[] = [];
    const step =
      (name: string): RequestHandler =>
      (_req, _res, next) => {
        seen.push(name);
        next();
      };
    void inTurn(step('a'), step('b'))(NO_REQUEST, NO_ANSWER, () => {
      seen.push('next');
    });
    expect(seen).toEqual(['a', 'b', 'next']);
  });
});

describe('remembered', () => {
  /** A function that writes down for which texts it was asked. */
  function asked(most?: number) {
    const texts: string[] = [];
    const make = (text: string) => {
      texts.push(text);
      return text === 'unknown' ? undefined : `made of ${text}`;
    };
    return { texts, find: remembered(make, most) };
  }

  it('the same text → made once', () => {
    const { texts, find } = asked();
    expect([find('a'), find('b'), find('a')]).toEqual(['made of a', 'made of b', 'made of a']);
    expect(texts).toEqual(['a', 'b']);
  });

  it('more texts than fit in → the oldest is made anew, the others not', () => {
    const { texts, find } = asked(2);
    for (const text of ['a', 'b', 'c', 'c', 'b', 'a']) expect(find(text)).toBe(`made of ${text}`);
    expect(texts).toEqual(['a', 'b', 'c', 'a']);
  });

  it('undefined → not remembered, and pushes nothing out', () => {
    const { texts, find } = asked(1);
    expect([find('a'), find('unknown'), find('unknown'), find('a')]).toEqual([
      ...['made of a', undefined, undefined, 'made of a'],
    ]);
    expect(texts).toEqual(['a', 'unknown', 'unknown']);
  });

  it('names of JavaScript → texts like any other', () => {
    const { find } = asked();
    expect(find('__proto__')).toBe('made of __proto__');
    expect(find('constructor')).toBe('made of constructor');
  });
});

describe('sendJson', () => {
  it.each<[string, unknown]>([
    ['an object', { signedIn: false }],
    ['text beyond ASCII', { name: 'Zoë Łukasz 李 🙂' }],
    ['a list', [1, null, 'x']],
    ['a text', 'x'],
    ['null', null],
    ['values that are left out', { a: undefined, at: new Date(0) }],
  ])('%s → status, headers and bytes of res.json', async (_what, value) => {
    const app = express().disable('etag').disable('x-powered-by');
    app.get('/express', (_req, res) => void res.json(value));
    app.get('/ours', (_req, res) => {
      sendJson(res, value);
    });
    const [expected, ours] = [
      await supertest(app).get('/express'),
      await supertest(app).get('/ours'),
    ];
    const shown = ({ status, headers, text }: supertest.Response) => ({
      ...{ status, text },
      headers: { ...(headers as Record<string, string>), date: '' },
    });
    expect(shown(ours)).toEqual(shown(expected));
    expect(ours.get('Content-Type')).toBe('application/json; charset=utf-8');
    expect(ours.get('Content-Length')).toBe(String(Buffer.byteLength(ours.text)));
  });

  it('HEAD → the headers alone', async () => {
    const app = express().get('/', (_req, res) => {
      sendJson(res, { name: 'Zoë' });
    });
    const answer = await supertest(app).head('/');
    expect([answer.text, answer.get('Content-Length')]).toEqual([undefined, '15']);
  });
});

describe('goingOn', () => {
  const went = (failure?: unknown) => {
    const req = {} as unknown as Request;
    goOn(req, failure);
    const seen: unknown[] = [];
    void goingOn(req, NO_ANSWER, (...args: unknown[]) => seen.push(...args));
    return { seen, names: Object.keys(req) };
  };

  it('nothing went wrong → goes on', () => {
    expect(went()).toEqual({ seen: [undefined], names: [] });
  });

  it.each([
    ['an error', new Error('x')],
    ['something else', 'x'],
    ['null', null],
  ])('%s → for the error handler, and in no field that anybody could list', (_what, failure) => {
    expect(went(failure)).toEqual({ seen: [failure], names: [] });
  });
});

describe('clientView', () => {
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  const shown = (req: Request) => {
    const { ip, ips, protocol, secure, hostname } = req;
    return { ip, ips, protocol, secure, hostname, agent: req.get('user-agent') };
  };

  /** What a request looks like ahead of Express, and behind it. */
  async function views(trustProxy: string | number | boolean, headers: Record<string, string>) {
    const app = express();
    app.set('trust proxy', trustProxy);
    let ahead: object | undefined;
    app.use((req, res) => void res.json({ ahead, behind: shown(req) }));
    const server = createServer((req, res) => {
      ahead = shown(clientView(app, req));
      app(req, res);
    });
    servers.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const sent = httpGet({ port, host: '127.0.0.1', headers, agent: false });
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    return (await json(answer)) as Record<'ahead' | 'behind', Record<string, unknown>>;
  }

  const forwarded = {
    'x-forwarded-for': '203.0.113.7, 198.51.100.2, 10.0.0.3',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'portal.example.test',
    'user-agent': 'a browser',
  };

  it.each<[string | number | boolean, string]>([
    [false, '127.0.0.1'],
    [true, '203.0.113.7'],
    [1, '10.0.0.3'],
    [2, '198.51.100.2'],
    [9, '203.0.113.7'],
    ['loopback', '10.0.0.3'],
    ['loopback, uniquelocal', '198.51.100.2'],
    ['loopback, 10.0.0.0/8, 198.51.100.0/24', '203.0.113.7'],
    ['192.0.2.1', '127.0.0.1'],
  ])('trust proxy %s → %s, and all else as Express says', async (trustProxy, ip) => {
    const { ahead, behind } = await views(trustProxy, forwarded);
    expect(ahead).toEqual(behind);
    expect(ahead).toMatchObject({ ip, agent: 'a browser' });
  });

  it.each<[string, Record<string, string>]>([
    ['no header of a proxy', {}],
    ['an empty one', { 'x-forwarded-for': '' }],
    ['one that is no address', { 'x-forwarded-for': 'unknown, 10.0.0.3' }],
    ['an IPv6 address', { 'x-forwarded-for': '2001:db8::1' }],
  ])('%s → as Express says', async (_what, headers) => {
    for (const trustProxy of [false, true, 1]) {
      const { ahead, behind } = await views(trustProxy, headers);
      expect(ahead).toEqual(behind);
    }
  });
});

describe('reportAtEnd', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const exchange = () => ({
    req: { method: 'GET', url: '/api/session' } as unknown as IncomingMessage,
    res: Object.assign(new EventEmitter(), { statusCode: 503, writableFinished: true }),
  });

  it('left to somebody else → told once, with the time since the first', () => {
    const { req, res } = exchange();
    const of = { req, res: res as unknown as ServerResponse };
    const told: string[] = [];
    const now = jest.spyOn(performance, 'now').mockReturnValue(1_000);
    const leave = reportAtEnd(() => told.push('first'), of);
    now.mockReturnValue(1_040);
    leave();
    let took = 0;
    reportAtEnd(({ ms }) => {
      told.push('second');
      took = ms;
    }, of);
    res.emit('close');
    expect(told).toEqual(['second']);
    expect(took).toBe(40);
  });
});
