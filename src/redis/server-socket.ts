import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { closeToOthers } from '../data-folder.js';
import { startDeadline } from '../deadline.js';
import { hasCode } from './file-lock.js';

/** Socket addresses hold 104 bytes on macOS and 108 on Linux. */
const LONGEST_PATH = 100;
const ANSWER_MS = 500;
const BUSY_MS = 30_000;
const POLL_MS = 25;

/** `busy` means that somebody listens but does not serve: loading its file, or frozen. */
export type ServerState = 'ready' | 'busy' | 'absent';

/** Where the server of `dataDir` listens: in it, unless its path is too long for a socket. */
export async function socketPathFor(dataDir: string): Promise<string> {
  const path = join(dataDir, 'redis.sock');
  if (Buffer.byteLength(path) <= LONGEST_PATH) return path;
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  return join(await privateFolder(join(tmpdir(), `fullscript-connect-${name}`)), 'redis.sock');
}

/** The name can be guessed and the parent is everybody's, so the folder may be somebody's trap. */
async function privateFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const found = await lstat(path);
  const ours = found.isDirectory() && found.uid === (process.getuid?.() ?? found.uid);
  if (!ours || (found.mode & 0o022) !== 0) {
    throw new Error(`${path} belongs to somebody else; use a data folder with a shorter path`);
  }
  closeToOthers(path);
  return path;
}

/** Asks the program that listens on the socket, and waits no longer than this for its answer. */
export async function serverState(socketPath: string, answerMs = ANSWER_MS): Promise<ServerState> {
  try {
    const answer = await converse(socketPath, 'PING', answerMs);
    return answer.startsWith('+PONG') ? 'ready' : 'busy';
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ECONNREFUSED')) return 'absent';
    throw error;
  }
}

/**
 * Whether a server is ready. Waits for one that is loading: it listens from the start, but answers
 * only when it is done.
 *
 * @throws Error when one listens but does not answer for half a minute.
 */
export async function isListening(socketPath: string): Promise<boolean> {
  const deadline = performance.now() + BUSY_MS;
  while (performance.now() < deadline) {
    const state = await serverState(socketPath);
    if (state !== 'busy') return state === 'ready';
    await delay(POLL_MS);
  }
  throw new Error(`a server listens on ${socketPath} but does not answer; end it by hand`);
}

/** The process id of the server; undefined when it does not say. */
export async function serverProcess(socketPath: string): Promise<number | undefined> {
  const answer = await converse(socketPath, 'INFO server').catch(() => '');
  const [, pid] = /^process_id:(\d+)/m.exec(answer) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

/** Asks the server to write what it has and end. Returns before it has ended. */
export async function requestShutdown(socketPath: string): Promise<void> {
  await converse(socketPath, 'SHUTDOWN').catch(() => 'gone already');
}

/** Sends one inline command; resolves to the beginning of the answer, or '' when there is none. */
function converse(path: string, command: string, answerMs = ANSWER_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const answer = (text: string) => {
      stop();
      socket.destroy();
      resolve(text);
    };
    const stop = startDeadline(answerMs, () => answer(''));
    socket.once('connect', () => socket.write(`${command}\r\n`));
    socket.once('data', (data) => answer(data.toString('latin1')));
    socket.once('close', () => answer(''));
    socket.once('error', (error) => {
      // Broken in the middle: somebody was there, but is ending.
      if (hasCode(error, 'ECONNRESET', 'EPIPE', 'EAGAIN')) answer('');
      else reject(error);
    });
    socket.once('close', stop);
  });
}
