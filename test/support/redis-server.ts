import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endWithUs } from './end-with-us.js';
import { isRecorded, recordFolder } from './leaks/material.js';
import { saveDump } from './redis-dump.js';

// Not compressed: the leak scan reads dumps as they are.
const DEFAULTS = [
  ...['--port', '0', '--save', '', '--loglevel', 'warning'],
  ...['--rdbcompression', 'no'],
];

/**
 * Nothing that Redis has answered is lost with its process. `everysec` is not enough for that: while
 * a disk is busy, Redis holds back even the write, for up to two seconds.
 */
export const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** A Redis of the test's own, on a unix socket in a folder of its own. */
export interface TestRedis {
  /** For `REDIS_URL`. */
  readonly url: string;
  readonly socketPath: string;
  readonly pid: () => number;
  /** Freezes it: connections stay, nothing is answered. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Ends it without a word; `restart` brings it back. */
  readonly kill: () => Promise<void>;
  readonly restart: () => Promise<void>;
  /** Ends it and removes its folder. */
  readonly stop: () => Promise<void>;
}

export interface TestRedisOptions {
  /** They come last, so they override. `DURABLE` keeps data over `kill`. */
  readonly args?: readonly string[];
  /** The text of a configuration file, for a server that writes into its own, as a sentinel does. */
  readonly config?: string;
}

/** Starts one. */
export async function startRedis({ args = [], config }: TestRedisOptions = {}): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'fc-redis-'));
  const socketPath = join(dir, 'redis.sock');
  const file = config === undefined ? [] : [join(dir, 'redis.conf')];
  for (const path of file) await writeFile(path, config ?? '');
  const own = ['--dir', dir, '--unixsocket', socketPath];
  const start = () => launch([...file, ...DEFAULTS, ...own, ...args], socketPath);
  let child = await start();

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const kill = async () => {
    if (hasEnded()) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  let frozen = false;
  const dump = async () => {
    if (!isRecorded()) return;
    if (!frozen && !hasEnded()) await saveDump(socketPath, args);
    recordFolder('redis', dir);
  };

  return {
    url: `unix://${socketPath}`,
    socketPath,
    pid: () => child.pid!,
    pause: () => {
      frozen = child.kill('SIGSTOP');
    },
    resume: () => {
      frozen = !child.kill('SIGCONT');
    },
    kill,
    restart: async () => {
      await kill();
      child = await start();
      frozen = false;
    },
    stop: async () => {
      try {
        await dump();
      } finally {
        await kill();
        // A child that Redis had forked to rewrite its file may write for a moment longer.
        await rm(dir, { recursive: true, force: true, maxRetries: 10 });
      }
    },
  };
}

async function launch(args: string[], socketPath: string): Promise<ChildProcess> {
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  endWithUs(child);
  const deadline = performance.now() + 10_000;
  while (!(await answers(socketPath))) {
    if (child.exitCode !== null) throw new Error('redis-server ended at start');
    if (performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error('redis-server did not answer');
    }
    await delay(10);
  }
  return child;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const settle = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => settle(/^(\+PONG|-NOAUTH)/.test(data.toString())));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}
