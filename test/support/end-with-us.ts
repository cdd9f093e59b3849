import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();

/** Has a child process end at the latest with this one. */
export function endWithUs(child: ChildProcess): void {
  if (running.size === 0) process.once('exit', killAll).once('SIGTERM', endAll);
  running.add(child);
  child.once('exit', () => {
    running.delete(child);
    if (running.size === 0) process.off('exit', killAll).off('SIGTERM', endAll);
  });
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** jest ends a worker so that does not end by itself. */
function endAll(): void {
  process.exit(143);
}
