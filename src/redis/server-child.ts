import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { hasCode } from './file-lock.js';
import { serverState } from './server-socket.js';

const PROGRAMS = ['redis-server', 'valkey-server'];
/** GETDEL and ZADD GT came with 6.2. */
const OLDEST = [6, 2] as const;

/** Loading a large append-only file takes a while. */
const START_MS = 30_000;
const STOP_MS = 5_000;
const POLL_MS = 10;
const LAST_LINES = 20;

export interface ServerChild {
  readonly pid: number;
  /** Resolves when the process has ended, with its last output lines. */
  readonly ended: Promise<string>;
  /** Ends it, gently at first. */
  readonly stop: () => Promise<void>;
}

/** The first server program on PATH that is new enough. `env` replaces the process's environment. */
export async function findServerProgram(env?: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    if (await isUsable(program, env)) return program;
  }
  return undefined;
}

async function isUsable(program: string, env?: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], {
      encoding: 'utf8',
      ...(env && { env }),
    });
    const [, major = '0', minor = '0'] = /v=(\d+)\.(\d+)/.exec(stdout) ?? [];
    const [oldestMajor, oldestMinor] = OLDEST;
    return Number(major) * 100 + Number(minor) >= oldestMajor * 100 + oldestMinor;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EACCES')) return false;
    throw error;
  }
}

/**
 * Starts a server that keeps its data in `dataDir` and listens on `socketPath` only.
 *
 * @throws Error with the last output lines when it does not get ready.
 */
export async function startServerChild(deps: {
  program: string;
  dataDir: string;
  socketPath: string;
  /** How long it may take to end when it is asked to; then it is killed. */
  stopMs?: number;
}): Promise<ServerChild> {
  const { program, socketPath, stopMs = STOP_MS } = deps;
  const child = launch(deps);
  const ended = untilEnded(child);
  if (child.pid !== undefined) void ended.then(endWithProcess(child.pid));
  const stop = () => stopChild(child, ended, stopMs);
  const ready = await isReadyBefore(ended, socketPath);
  if (!ready || child.pid === undefined) {
    await stop();
    throw new Error(`${program} did not start:\n${await ended}`);
  }
  return { pid: child.pid, ended, stop };
}

function launch({ program, dataDir, socketPath }: Parameters<typeof startServerChild>[0]) {
  const settings = {
    port: '0',
    unixsocket: socketPath,
    unixsocketperm: '700',
    dir: dataDir,
    appendonly: 'yes',
    // A grant that is saved is saved: an answered write survives even a power cut.
    appendfsync: 'always',
    save: '',
    'maxmemory-policy': 'noeviction',
    loglevel: 'warning',
    daemonize: 'no',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return withoutOthers(() =>
    spawn(program, args, {
      cwd: dataDir,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: Ctrl-C in the terminal must not end it before we have saved.
      detached: true,
    }),
  );
}

/**
 * Ends a server together with this process when that ends without closing it: at a second Ctrl-C, or after an
 * error that was not caught. It writes what it has, since SIGTERM is all that it gets.
 *
 * @returns takes it back, when the server has ended.
 */
export function endWithProcess(pid: number): () => void {
  const end = () => {
    try {
      process.kill(pid);
    } catch {
      // It has ended before us.
    }
  };
  process.once('exit', end);
  return () => process.off('exit', end);
}

/** What is started in here makes files that no other account can read. A child inherits the umask. */
function withoutOthers<T>(start: () => T): T {
  const before = process.umask(0o077);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}

async function isReadyBefore(ended: Promise<string>, socketPath: string): Promise<boolean> {
  const deadline = performance.now() + START_MS;
  let running = true;
  void ended.then(() => (running = false));
  // `running` changes behind the compiler's back.
  while ((running as boolean) && performance.now() < deadline) {
    if ((await serverState(socketPath)) === 'ready') return true;
    await delay(POLL_MS);
  }
  return false;
}

/** Follows the child without keeping this process alive for it. */
function untilEnded(child: ChildProcess): Promise<string> {
  let lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => {
      lines = [...lines, ...data.toString().trimEnd().split('\n')].slice(-LAST_LINES);
    });
    if (stream instanceof Socket) stream.unref();
  }
  child.unref();
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', () => resolve(lines.join('\n')));
  });
}

/** SIGTERM makes a server write what it has and end; a frozen one does not hear it. */
async function stopChild(
  child: ChildProcess,
  ended: Promise<string>,
  stopMs: number,
): Promise<void> {
  child.ref();
  child.kill('SIGTERM');
  const killTimer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await ended;
  clearTimeout(killTimer);
}
