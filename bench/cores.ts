import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

/** The server under test has this one to itself; everything else shares the other. */
const TESTED = '0';
const OTHERS = '1';

/** Whether programs can be kept on cores of their own here. */
export const arePinned = cpus().length > 1 && hasTaskset();

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Moves this process to the other core, and with it whatever it starts without a core of its own. */
export function moveAside(): void {
  if (!arePinned) return;
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', OTHERS, String(process.pid)], {
    stdio: 'ignore',
  });
}

/** The command that starts a program on the core of those under test. */
export function onTestedCore(program: string, args: readonly string[]): [string, string[]] {
  // It becomes the program, so that the process id is the program's.
  return arePinned ? ['taskset', ['--cpu-list', TESTED, program, ...args]] : [program, [...args]];
}
