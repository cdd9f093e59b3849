import { type Socket, createConnection } from 'node:net';
import { until } from './until.js';

const PATIENCE_MS = 10_000;

/**
 * Has a Redis write everything it holds into its folder, for the leak scan. One that has ended has
 * nothing to write any more.
 */
export async function saveDump(socketPath: string, args: readonly string[]): Promise<void> {
  const at = args.indexOf('--requirepass');
  const commands = [...(at < 0 ? [] : [`AUTH ${args[at + 1] ?? ''}`]), 'SAVE'];
  await until(async () => {
    const socket = createConnection({ path: socketPath });
    socket.write(commands.map((command) => `${command}\r\n`).join(''));
    const replies = await repliesOn(socket, commands.length);
    const refused = replies.find((reply) => reply.startsWith('-') && !isSentinel(reply));
    if (refused === undefined) return true;
    if (!isBusy(refused)) throw new Error(`Redis did not write its dump: ${refused}`);
    return false;
  }, PATIENCE_MS);
}

/** It is just writing a dump for a replica, or reading its own. */
function isBusy(reply: string): boolean {
  return reply.includes('in progress') || reply.startsWith('-LOADING');
}

/** So many lines, or fewer when there is nobody to send them. */
function repliesOn(socket: Socket, howMany: number): Promise<string[]> {
  let text = '';
  return new Promise((resolve, reject) => {
    const lines = () => text.split('\r\n').slice(0, -1);
    socket.setTimeout(PATIENCE_MS, () => {
      reject(new Error('Redis did not write its dump in time'));
      socket.destroy();
    });
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (lines().length >= howMany) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(lines()));
  });
}

/** A sentinel holds nothing but its configuration, which is a file already. */
function isSentinel(reply: string): boolean {
  return reply.includes('unknown command');
}
