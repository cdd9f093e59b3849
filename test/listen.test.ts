import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type Socket, connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Listening, listen } from '../src/listen.js';
import { until } from './support/until.js';

let server: Listening;
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const start = async (app: RequestListener = (_req, res) => res.end('done')) => {
  server = await listen(app, { host: '127.0.0.1', port: 0 }, { draining: false });
};

/** A connection over which `text` was sent, once the server has accepted it. */
async function connection(text = ''): Promise<Socket> {
  const socket = connect(Number(new URL(server.address).port), '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => 'reset');
  socket.write(text);
  await once(socket, 'connect');
  // Connections are accepted in their order.
  await fetch(server.address, { headers: { connection: 'close' } });
  return socket;
}

const LATER = 60_000;
const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const HALF = REQUEST.slice(0, 20);

const isRefused = () =>
  fetch(server.address).then(
    () => false,
    () => true,
  );

/** By default a connection would hold the end up for 20 seconds. */
describe('drain', () => {
  it('a connection over which nothing was sent → ended at once', async () => {
    await start();
    const socket = await connection();
    const closed = once(socket, 'close');
    await server.drain(0, LATER);
    await closed;
  }, 10_000);

  it('a connection that was used, and then nothing → ended at once', async () => {
    await start();
    const socket = await connection(REQUEST);
    if (socket.bytesRead === 0) await once(socket, 'data');
    await server.drain(0, LATER);
  }, 10_000);

  it.each([
    ['the first request', ''],
    ['a later request', REQUEST],
  ])(
    'half of %s, and no more → ended when its time is over',
    async (_which, before) => {
      await start();
      const socket = await connection(before + HALF);
      await server.drain(0, 100);
      expect(socket.bytesRead > 0).toBe(before !== '');
    },
    10_000,
  );

  it('half a request, and then the rest → answered', async () => {
    await start();
    const socket = await connection(HALF);
    const ended = server.drain(0, LATER);
    await until(isRefused);
    socket.write(REQUEST.slice(20));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/i);
    await ended;
  }, 10_000);

  it('a request under way → answered first', async () => {
    const running: (() => void)[] = [];
    await start((req, res) => {
      if (req.url === '/slow') running.push(() => void res.end('whole'));
      else res.end();
    });
    const socket = await connection(REQUEST.replace('/', '/slow'));
    await until(() => running.length === 1);
    let ended = false;
    const draining = server.drain(0, 0).then(() => (ended = true));
    await until(isRefused);
    expect(ended).toBe(false);
    running[0]?.();
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toContain('whole');
    await draining;
  }, 10_000);
});
