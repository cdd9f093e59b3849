import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type ConnectionBounds,
  boundConnections,
  connectionsFor,
} from '../src/connection-bounds.js';
import { until } from './support/until.js';

const MEBIBYTE = 1024 * 1024;
/** More than the kernel takes in for a client that does not read. */
const LARGE = Buffer.alloc(32 * MEBIBYTE, 'x');

const closing: (() => unknown)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listening(answer: RequestListener, bounds: ConnectionBounds) {
  const warnings: unknown[] = [];
  const ended: string[] = [];
  const log = { warn: (line: unknown) => void warnings.push(line) };
  const server: Server = createServer(answer);
  boundConnections(server, log as Parameters<typeof boundConnections>[1], {
    ...bounds,
    onClosed: (why) => ended.push(why),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, warnings, ended, server };
}

async function client(
  port: number,
  request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  closing.push(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(request);
  return socket;
}

/** All that a client is sent until the end of its connection. */
async function received(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(socket, 'close');
  return text;
}

describe('an answer that its client does not read', () => {
  it('→ the connection is ended, and what was held for it is free', async () => {
    let closed = false;
    const answer: RequestListener = (_req, res) => {
      res.once('close', () => {
        closed = true;
      });
      res.end(LARGE);
    };
    const { port, ended } = await listening(answer, { unreadMs: 50 });
    await client(port);
    await until(() => closed);
    expect(ended).toEqual(['unread']);
  });

  it('once it is out → the connection may rest as long as any other', async () => {
    let rests: number | undefined;
    const answer: RequestListener = ({ socket }, res) => {
      res.once('finish', () => setImmediate(() => (rests = socket.timeout)));
      res.end('x');
    };
    const { port, server, ended } = await listening(answer, { unreadMs: 20 });
    await client(port);
    await until(() => rests !== undefined);
    expect(ended).toEqual([]);
    expect(rests).toBeGreaterThanOrEqual(server.keepAliveTimeout);
  });
});

describe('a body that goes on behind its answer', () => {
  const POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegun';

  it('→ the connection ends with the one answer', async () => {
    const answer: RequestListener = (_req, res) => {
      res.writeHead(401).end();
    };
    const { port, ended } = await listening(answer, { unsentMs: 50 });
    const text = await received(await client(port, POST));
    expect(ended).toEqual(['unsent']);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 401']);
  });
});

describe('connections', () => {
  it('more than may be open → closed, said once, and others go on', async () => {
    const { port, warnings, ended } = await listening((_req, res) => res.end('x'), { most: 1 });
    const first = await client(port);
    await once(first, 'data');
    for (let at = 0; at < 2; at += 1) expect(await received(await client(port))).toBe('');
    expect(warnings).toEqual([{ most: 1 }]);
    expect(ended).toEqual(['too_many', 'too_many']);
    first.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(String((await once(first, 'data'))[0])).toContain('200 OK');
  });

  it.each([
    [undefined, undefined],
    [20_000, 19_360],
    [1_024, 384],
    [256, 64],
  ])('%s descriptors → %s connections', (files, most) => {
    expect(connectionsFor(files)).toBe(most);
  });
});
