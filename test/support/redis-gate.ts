import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Socket, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gate } from './gate.js';

export interface Hold {
  /** Resolves when the command has come, which Redis has not seen yet. */
  readonly reached: Promise<void>;
  readonly release: () => void;
}

interface Waiting extends Hold {
  readonly matches: (command: string) => boolean;
  readonly reach: () => void;
  readonly released: Promise<void>;
}

/** Stands between a server and its Redis, and can hold one command back. */
export async function startRedisGate(socketPath: string) {
  const dir = await mkdtemp(join(tmpdir(), 'fc-gate-'));
  const path = join(dir, 'gate.sock');
  const sockets = new Set<Socket>();
  const waiting: Waiting[] = [];

  /** What comes behind a held command waits as well: the order of a connection is kept. */
  async function forward(from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from) {
      const text = (chunk as Buffer).toString('latin1');
      const at = waiting.findIndex(({ matches }) => matches(text));
      const [held] = at < 0 ? [] : waiting.splice(at, 1);
      held?.reach();
      await held?.released;
      to.write(chunk as Buffer);
    }
    to.end();
  }

  const server = createServer((from) => {
    const to = createConnection(socketPath);
    for (const socket of [from, to]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    }
    to.pipe(from);
    forward(from, to).catch(() => to.destroy());
  });
  server.listen(path);
  await once(server, 'listening');

  return {
    url: `unix://${path}`,
    /** Holds the next command that matches, until it is released. */
    hold: (matches: (command: string) => boolean): Hold => {
      const [reached, released] = [gate(), gate()];
      const one = { matches, reached: reached.opened, reach: reached.open };
      waiting.push({ ...one, released: released.opened, release: released.open });
      return { reached: reached.opened, release: released.open };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
