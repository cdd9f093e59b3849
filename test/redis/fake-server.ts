import { mkdtemp, rm } from 'node:fs/promises';
import { type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One command as it came, its name in capitals. */
export type Received = readonly [name: string, ...args: string[]];

/** What to write back: a RESP reply, or undefined to say nothing. */
export type Answer = (command: Received, hangUp: () => void) => string | undefined;

export interface FakeServer {
  readonly url: string;
  /** Everything that was received, in order, but for the client's greetings. */
  readonly received: Received[];
  /** Writes to every connection: an answer that was held back. */
  readonly say: (reply: string) => void;
  readonly stop: () => Promise<void>;
}

export const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
export const map = (name: string, value: string) => `%1\r\n${bulk(name)}${bulk(value)}`;
export const integers = (...all: number[]) =>
  `*${all.length}\r\n${all.map((n) => `:${n}\r\n`).join('')}`;

const GREETINGS = new Set(['HELLO', 'CLIENT', 'SELECT', 'QUIT']);

/** Speaks as much RESP as a script needs, for servers that cannot be installed here. */
export async function startFakeServer(answer: Answer): Promise<FakeServer> {
  const dir = await mkdtemp(join(tmpdir(), 'fc-fake-'));
  const path = join(dir, 'fake.sock');
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)).on('error', () => undefined));
    let unread = '';
    socket.on('data', (data) => {
      unread += data.toString();
      for (let next = take(unread); next; next = take(unread)) {
        unread = next.rest;
        const reply = replyTo(next.command, () => socket.destroy());
        if (reply !== undefined) socket.write(reply);
      }
    });
  });
  const replyTo = (command: Received, hangUp: () => void) => {
    if (command[0] === 'HELLO') return map('proto', '3');
    if (GREETINGS.has(command[0])) return '+OK\r\n';
    received.push(command);
    return answer(command, hangUp);
  };
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    url: `unix://${path}`,
    received,
    say: (reply) => sockets.forEach((socket) => socket.write(reply)),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The first whole command of `text`, an array of bulk strings. */
function take(text: string): { command: Received; rest: string } | undefined {
  const count = /^\*(\d+)\r\n/.exec(text);
  if (!count) return undefined;
  const words: string[] = [];
  let rest = text.slice(count[0].length);
  for (let left = Number(count[1]); left > 0; left -= 1) {
    const length = /^\$(\d+)\r\n/.exec(rest);
    if (!length) return undefined;
    const [from, size] = [length[0].length, Number(length[1])];
    if (rest.length < from + size + 2) return undefined;
    words.push(rest.slice(from, from + size));
    rest = rest.slice(from + size + 2);
  }
  const [name = '', ...args] = words;
  return { command: [name.toUpperCase(), ...args], rest };
}
