import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endWithUs } from './end-with-us.js';
import { isRecorded, linesRecorder, recordEnvironment, recordFolder } from './leaks/material.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ServerProcess {
  readonly child: ChildProcess;
  /** Everything it has printed so far. */
  readonly output: () => string;
  /** Resolves with the exit code, or with the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** SIGTERM, and how it ended. */
  readonly stop: () => Promise<number | NodeJS.Signals>;
}

/** Starts the built server with nothing but this environment, in `cwd`. */
export function startProcess(options: {
  cwd: string;
  env?: Record<string, string>;
  script?: string;
  args?: readonly string[];
}): ServerProcess {
  const { cwd, env = {}, script = 'main.js', args = [] } = options;
  const child = spawn(process.execPath, [`${ROOT}/dist/${script}`, ...args], {
    cwd,
    env: surroundings(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  recordEnvironment(env);
  const chunks: string[] = [];
  // The simulator's own program tells people its credentials, which open nothing else.
  const record = linesRecorder(script.startsWith('simulator/') ? undefined : script);
  const keep = (chunk: Buffer) => {
    chunks.push(chunk.toString());
    record.add(chunk.toString());
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  // Here and not later: whoever waits for the end tidies up.
  child.once('exit', () => recordFolder('file', resolve(cwd, env['DATA_DIR'] ?? '.data')));
  child.once('close', record.end);
  const exited = once(child, 'exit').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
  );
  endWithUs(child);
  return {
    ...{ child, exited },
    output: () => chunks.join(''),
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** The environment, and what the leak scan needs to listen in this process too. */
function surroundings(env: Record<string, string>): Record<string, string> {
  const { PATH = '', LEAK_SCAN_DIR, NODE_OPTIONS = '' } = process.env;
  if (!isRecorded() || LEAK_SCAN_DIR === undefined) return { PATH, ...env };
  const options = `${NODE_OPTIONS} ${env['NODE_OPTIONS'] ?? ''}`;
  return { PATH, LEAK_SCAN_DIR, ...env, NODE_OPTIONS: options };
}

/** Waits until a server takes requests, as a balancer does. */
export async function ready(server: ServerProcess, origin: string): Promise<void> {
  await answering(server, `${origin}/readyz`);
}

/** Waits until a server answers at all: one that cannot be ready. */
export async function alive(server: ServerProcess, origin: string): Promise<void> {
  await answering(server, `${origin}/livez`);
}

/** @throws Error with the server's output when it ends or takes too long. */
async function answering({ child, output }: ServerProcess, url: string): Promise<void> {
  const answers = () =>
    fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
  const deadline = performance.now() + 15_000;
  while (!(await answers())) {
    const hasEnded = child.exitCode !== null || child.signalCode !== null;
    if (hasEnded || performance.now() > deadline) {
      throw new Error(`the server did not start:\n${output()}`);
    }
    await delay(20);
  }
}
