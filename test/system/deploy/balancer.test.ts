import { once } from 'node:events';
import { type IncomingMessage, type RequestListener, createServer, get, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePorts } from '../../support/free-ports.js';
import { gate } from '../../support/gate.js';
import { type Nginx, startNginx } from '../../support/nginx.js';
import { until } from '../../support/until.js';

/** What docker/nginx.conf does with servers that do what is asked of them here. */

interface StandIn {
  readonly port: number;
  readonly seen: IncomingMessage[];
  readonly close: () => void;
}

const closing: (() => void | Promise<void>)[] = [];
let nginx: Nginx;

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function standIn(answer: RequestListener): Promise<StandIn> {
  const seen: IncomingMessage[] = [];
  const server = createServer((req, res) => {
    seen.push(req);
    answer(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  closing.push(close);
  return { port: (server.address() as AddressInfo).port, seen, close };
}

async function inFrontOf(...answers: RequestListener[]): Promise<StandIn[]> {
  const servers = await Promise.all(answers.map(standIn));
  nginx = await startNginx(servers.map(({ port }) => port));
  closing.push(nginx.stop);
  return servers;
}

const ok: RequestListener = (_req, res) => res.end('ok');
/** Takes the request whole, and dies of it. */
const dies: RequestListener = (req, res) => {
  req.resume().on('end', () => res.destroy());
};
const times = (servers: readonly StandIn[]) =>
  servers.reduce((sum, { seen }) => sum + seen.length, 0);

describe('a server that dies of a request', () => {
  it.each(['GET', 'HEAD'])('%s → another one answers', async (method) => {
    const servers = await inFrontOf(dies, dies, ok);
    const answers = [];
    for (let i = 0; i < 3; i += 1) answers.push((await fetch(nginx.origin, { method })).status);
    expect(answers).toEqual([200, 200, 200]);
    expect(times(servers.slice(0, 2))).toBeGreaterThan(0);
  });

  it.each(['POST', 'DELETE'])('%s → 502, no other one gets it', async (method) => {
    const servers = await inFrontOf(dies, dies, dies);
    const answer = await fetch(`${nginx.origin}/portal/x`, { method, body: 'a=b' });
    expect(answer.status).toBe(502);
    expect(times(servers)).toBe(1);
  });

  it.each(['/oauth/callback?code=1&state=2', '/elsewhere?state=2&error=access_denied'])(
    '%s, an answer of the authorize page → 502, no other one gets it',
    async (path) => {
      const servers = await inFrontOf(dies, dies, dies);
      expect((await fetch(`${nginx.origin}${path}`)).status).toBe(502);
      expect(times(servers)).toBe(1);
    },
  );

  it('an answer of the authorize page → reaches one with method, path and query as they were', async () => {
    const servers = await inFrontOf(ok, ok, ok);
    const path = '/oauth/callback?code=a%2Fb&state=%7Ec';
    expect((await fetch(`${nginx.origin}${path}`)).status).toBe(200);
    expect(servers.flatMap(({ seen }) => seen.map(({ url, method }) => [method, url]))).toEqual([
      ['GET', path],
    ]);
  });
});

describe('a server that is gone', () => {
  it('POST → goes to one that is there, since nothing of it was sent', async () => {
    const servers = await inFrontOf(ok, ok, ok);
    servers[0]!.close();
    servers[1]!.close();
    for (let i = 0; i < 3; i += 1) {
      expect((await fetch(nginx.origin, { method: 'POST', body: 'a=b' })).status).toBe(200);
    }
    expect(servers[2]!.seen).toHaveLength(3);
  });

  it('all of them → 502, with a request id', async () => {
    const ports = await freePorts(3);
    nginx = await startNginx(ports);
    closing.push(nginx.stop);
    const answer = await fetch(nginx.origin, { headers: { 'x-request-id': 'of-the-caller' } });
    expect(answer.status).toBe(502);
    expect(answer.headers.get('x-request-id')).toBe('of-the-caller');
  });
});

describe('what a server is told', () => {
  let servers: StandIn[];

  beforeEach(async () => {
    servers = await inFrontOf(ok, ok, ok);
  });

  async function told(headers: Record<string, string>) {
    await fetch(nginx.origin, { headers });
    return servers.flatMap(({ seen }) => seen).at(-1)!.headers;
  }

  it('the caller’s address comes last, behind what the caller says himself', async () => {
    const { 'x-forwarded-for': list } = await told({ 'x-forwarded-for': '203.0.113.9' });
    expect(list).toBe('203.0.113.9, 127.0.0.1');
  });

  it('the host is the one in the browser’s address bar, and no other', async () => {
    const headers = await told({ 'x-forwarded-host': 'evil.example' });
    expect(headers.host).toBe(new URL(nginx.origin).host);
    expect(headers['x-forwarded-host']).toBeUndefined();
  });

  it('the scheme is that of the caller, if it is one', async () => {
    expect((await told({}))['x-forwarded-proto']).toBe('http');
    for (const [given, scheme] of Object.entries({ https: 'https', gopher: 'http' })) {
      const headers = await told({ 'x-forwarded-proto': given });
      expect([given, headers['x-forwarded-proto']]).toEqual([given, scheme]);
    }
  });

  it('the request id is the caller’s if it is well-formed, and a new one otherwise', async () => {
    const idOf = async (id: string) => (await told({ 'x-request-id': id }))['x-request-id'];
    expect(await idOf('abc.DEF_123-x')).toBe('abc.DEF_123-x');
    expect(await idOf('short')).toMatch(/^[0-9a-f]{32}$/);
    expect(await idOf('has a space in it')).toMatch(/^[0-9a-f]{32}$/);
    expect((await told({}))['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('what comes back', () => {
  it('an event stream → each event as it comes', async () => {
    const { opened, open } = gate();
    const stream: RequestListener = (_req, res) => {
      res.setHeader('Content-Type', 'text/event-stream');
      res.write('data: one\n\n');
      void opened.then(() => res.end('data: two\n\n'));
    };
    await inFrontOf(stream, stream, stream);
    const [answer] = (await once(get(`${nginx.origin}/portal/events`), 'response')) as [
      IncomingMessage,
    ];
    let text = '';
    answer.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await until(() => text === 'data: one\n\n');
    open();
    await until(() => text === 'data: one\n\ndata: two\n\n');
  });

  it('metrics → 404: they are of one server, and Prometheus asks each', async () => {
    const servers = await inFrontOf(ok, ok, ok);
    expect((await fetch(`${nginx.origin}/metrics`)).status).toBe(404);
    expect(times(servers)).toBe(0);
  });

  it('a body as large as the server takes → is passed on; one of 3 MB → 413', async () => {
    const echo: RequestListener = (req, res) => {
      void readText(req).then((body) => res.end(String(body.length)));
    };
    await inFrontOf(echo, echo, echo);
    const send = async (length: number) => {
      const call = request(nginx.origin, { method: 'POST', agent: false });
      call.on('error', () => undefined);
      call.end('x'.repeat(length));
      const [answer] = (await once(call, 'response')) as [IncomingMessage];
      return [answer.statusCode, await readText(answer).catch(() => '')];
    };
    expect(await send(1_048_577)).toEqual([200, '1048577']);
    expect((await send(3_000_000))[0]).toBe(413);
  });

  it('the log → path and request id, and nothing of the query', async () => {
    await inFrontOf(ok, ok, ok);
    const headers = { 'x-request-id': 'of-the-caller' };
    await fetch(`${nginx.origin}/oauth/callback?code=CODE&state=STATE`, { headers });
    await until(() => nginx.passed().length === 1);
    const line = { requestId: 'of-the-caller', path: '/oauth/callback', status: 200 };
    expect(nginx.passed()).toEqual([expect.objectContaining(line)]);
    expect(nginx.log()).not.toMatch(/CODE|STATE/);
  });

  it('the log → no id of a patient', async () => {
    await inFrontOf(ok, ok, ok);
    for (const path of ['/portal/patients/PATIENT', '/api/fullscript/clinic/patients/PATIENT']) {
      await fetch(`${nginx.origin}${path}?page=2`);
    }
    await until(() => nginx.passed().length === 2);
    expect(nginx.passed()).toEqual([
      expect.objectContaining({ path: '/portal/patients/...' }),
      expect.objectContaining({ path: '/api/fullscript/...' }),
    ]);
    expect(nginx.log()).not.toContain('PATIENT');
  });
});
