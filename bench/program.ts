import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestedCore } from './cores.js';

export interface ProgramOptions {
  /** What Node is given: options, the file. */
  readonly args: readonly string[];
  readonly env: (folder: string) => Record<string, string>;
  /** Whether it is under test, and has the core of those. */
  readonly tested: boolean;
  readonly cwd?: string;
}

/** A program of Node that runs, in a folder of its own, with its output in a file as in production. */
export interface Program {
  readonly pid: number;
  readonly output: () => string;
  readonly hasEnded: () => boolean;
  /** SIGTERM; whoever does not follow within some seconds is killed. Its folder goes. */
  readonly stop: () => Promise<void>;
}

const PATIENCE_MS = 8_000;
/** Far more than it takes, for machines that have something else to do. */
const READY_MS = 60_000;

export function startProgram({ args, env, tested, cwd }: ProgramOptions): Program {
  const folder = mkdtempSync(join(tmpdir(), 'fc-bench-'));
  const log = join(folder, 'log');
  const file = openSync(log, 'w');
  const node: [string, readonly string[]] = [process.execPath, args];
  const [command, all] = tested ? onTestedCore(...node) : node;
  const child = spawn(command, all, {
    env: { PATH: process.env['PATH'] ?? '', ...env(folder) },
    cwd: cwd ?? folder,
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  const killNow = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', killNow);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    output: () => readFileSync(log, 'utf8'),
    hasEnded,
    stop: async () => {
      if (!hasEnded()) await end(child);
      process.off('exit', killNow);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  await exited;
  clearTimeout(kill);
}

/** Asks until the answer has this status, or any if none is named. @returns milliseconds it took. */
export async function untilAnswered(
  program: Program,
  url: string,
  status?: number,
): Promise<number> {
  const from = performance.now();
  for (;;) {
    const answered = await statusOf(url);
    if (answered !== undefined && answered === (status ?? answered))
      return performance.now() - from;
    if (program.hasEnded() || performance.now() - from > READY_MS) {
      throw new Error(`${url} was not answered (${answered ?? 'nothing'}):\n${program.output()}`);
    }
    await delay(5);
  }
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    request.once('error', () => resolve(undefined));
  });
}

/** What a program prints in a line of its own, when it does. */
export async function untilPrinted(program: Program, line: RegExp): Promise<string> {
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const found = line.exec(program.output())?.[1];
    if (found !== undefined) return found;
    if (program.hasEnded() || performance.now() > deadline) {
      throw new Error(`it did not print ${line.source}:\n${program.output()}`);
    }
    await delay(10);
  }
}
