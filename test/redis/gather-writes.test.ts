import { once } from 'node:events';
import { type Server, type Socket, createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { gatherWrites } from '../../src/redis/gather-writes.js';
import { until } from '../support/until.js';

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A connection that gathers, and what arrives at its other end, piece by piece. */
async function connected() {
  const chunks: string[] = [];
  const state = { ended: false, errors: 0 };
  const server: Server = createServer((from) => {
    from.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    from.on('end', () => {
      state.ended = true;
    });
    from.on('error', () => {
      state.errors += 1;
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket: Socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  closing.push(() => {
    socket.destroy();
    server.close();
  });
  await once(socket, 'connect');
  gatherWrites(socket);
  const text = () => chunks.join('');
  return { socket, chunks, state, text };
}

describe('gatherWrites', () => {
  it('several writes in one turn → one piece, in their order', async () => {
    const { socket, chunks, text } = await connected();
    for (const part of ['one ', 'two ', 'three']) socket.write(part);
    await until(() => text() === 'one two three');
    expect(chunks).toEqual(['one two three']);
  });

  it('writes of promises that go on in the same turn → the same piece', async () => {
    const { socket, chunks, text } = await connected();
    socket.write('one ');
    await Promise.resolve();
    socket.write('two');
    await until(() => text() === 'one two');
    expect(chunks).toEqual(['one two']);
  });

  it('again and again after nothing was written for a while → each turn a piece', async () => {
    const { socket, chunks, text } = await connected();
    for (let round = 0; round < 20; round += 1) {
      const before = text();
      socket.write(`${round}a `);
      socket.write(Buffer.from(`${round}b `));
      await until(() => text() === `${before}${round}a ${round}b `);
      await turn();
    }
    expect(chunks).toHaveLength(20);
  });

  it('one write → not kept', async () => {
    const { socket, text } = await connected();
    socket.write('alone');
    await until(() => text() === 'alone', 1_000);
  });

  it('much → all of it, in its order; `drain` comes', async () => {
    const { socket, text } = await connected();
    const parts = Array.from({ length: 64 }, (_, at) => String(at % 10).repeat(64 * 1024));
    const full = parts.map((part) => socket.write(part));
    expect(full).toContain(false);
    await once(socket, 'drain');
    await until(() => text().length === 64 * 64 * 1024);
    expect(text()).toBe(parts.join(''));
  });

  it('callbacks and encodings of write → as ever', async () => {
    const { socket, text } = await connected();
    const called: string[] = [];
    socket.write('41', 'hex', () => called.push('first'));
    socket.write('B', () => called.push('second'));
    await until(() => called.length === 2);
    expect(called).toEqual(['first', 'second']);
    await until(() => text() === 'AB');
  });

  it('end after a write → all arrives, and the end', async () => {
    const { socket, state, text } = await connected();
    socket.write('last ');
    socket.end('words');
    await until(() => state.ended);
    expect(text()).toBe('last words');
  });

  it('destroyed before the turn is over → nothing goes wrong', async () => {
    const { socket } = await connected();
    const errors: unknown[] = [];
    socket.on('error', (error) => errors.push(error));
    socket.write('nobody reads this');
    socket.destroy();
    await turn();
    await turn();
    expect([errors, socket.destroyed]).toEqual([[], true]);
  });
});
