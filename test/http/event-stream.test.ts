import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import { coalesced } from '../../src/http/coalesced.js';
import { type EventStream, openEventStream } from '../../src/http/event-stream.js';
import { until } from '../support/until.js';
import { gate } from '../support/gate.js';

describe('coalesced', () => {
  it('asked for while it runs, often → once more, behind it', async () => {
    const gates = [gate(), gate(), gate()];
    let [started, running, most] = [0, 0, 0];
    const look = coalesced(async () => {
      const { opened } = gates[started]!;
      started += 1;
      most = Math.max(most, (running += 1));
      await opened;
      running -= 1;
    });
    const first = look();
    const burst = [look(), look(), look()];
    expect(started).toBe(1);
    gates[0]!.open();
    await until(() => started === 2);
    gates[1]!.open();
    await Promise.all([first, ...burst]);
    expect({ started, most }).toEqual({ started: 2, most: 1 });
    gates[2]!.open();
    await look();
    expect(started).toBe(3);
  });
});

describe('openEventStream', () => {
  let server: Server;

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Somebody who asks, reads the first bytes, and then no more. */
  async function listening(handler: RequestHandler) {
    server = createServer(express().get('/', handler)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    return socket;
  }

  it('nobody reads any more → the connection is cut, and what waits stays small', async () => {
    let stream: EventStream | undefined;
    let ended = false;
    const waiting: number[] = [];
    const socket = await listening((_req, res) => {
      stream = openEventStream(res);
      stream.onEnd(() => {
        ended = true;
      });
      const write = res.write.bind(res);
      res.write = ((...args: Parameters<typeof write>) => {
        const result = write(...args);
        waiting.push(res.writableLength);
        return result;
      }) as typeof write;
    });
    socket.pause();
    // Fills the buffers of both sides first, which hold some megabytes.
    await until(() => {
      for (let at = 0; at < 100 && !ended; at += 1) stream?.send('state', 'x'.repeat(1_000));
      return ended;
    });
    expect(Math.max(...waiting)).toBeLessThan(64_000);
    socket.destroy();
  });

  it('over → what is sent then goes nowhere, without an error', async () => {
    let stream: EventStream | undefined;
    let text = '';
    const socket = await listening((_req, res) => {
      stream = openEventStream(res);
    });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    stream!.send('state', { a: 'line\nbreak' });
    stream!.end();
    stream!.send('state', 'late');
    stream!.beat();
    await until(() => text.includes('0\r\n\r\n'));
    expect(text).toContain('event: state\ndata: {"a":"line\\nbreak"}\n\n');
    expect(text).not.toContain('late');
    socket.destroy();
  });
});
