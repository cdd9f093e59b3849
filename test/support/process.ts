import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ServerProcess {
  readonly child: ChildProcess;
  /** Everything it has printed so far. */
  readonly output: () => string;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
  /** SIGTERM, and the exit code. */
  readonly stop: () => Promise<number | null>;
}

/** Starts the built server with nothing but this environment, in `cwd`. */
export function startProcess(options: {
  cwd: string;
  env?: Record<string, string>;
  script?: string;
  args?: readonly string[];
}): ServerProcess {
  const { cwd, env = {}, script = 'main.js', args = [] } = options;
  const PATH = process.env['PATH'] ?? '';
  const child = spawn(process.execPath, [`${ROOT}/dist/${script}`, ...args], {
    cwd,
    env: { PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const killNow = () => child.kill('SIGKILL');
  process.once('exit', killNow);
  void exited.then(() => process.off('exit', killNow));
  return {
    ...{ child, exited },
    output: () => chunks.join(''),
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** Waits until a server answers on `/livez`; fails with its output when it ends or takes too long. */
export async function ready(server: ServerProcess, origin: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (
    !(await fetch(`${origin}/livez`).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    if (server.child.exitCode !== null || performance.now() > deadline) {
      throw new Error(`the server did not start:\n${server.output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
