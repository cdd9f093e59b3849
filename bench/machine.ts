import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { arePinned } from './cores.js';

/** On what was measured, in one line. */
export function describeMachine(today = new Date()): string {
  const redis = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
  const version = /v=(\S+)/.exec(redis)?.[1] ?? 'unknown';
  const cores = cpus();
  const parts = [
    today.toISOString().slice(0, 10),
    `Node ${process.versions.node}`,
    `Redis ${version}`,
    `${cores.length} cores`,
    (cores[0]?.model ?? 'unknown processor').trim(),
    arePinned ? 'the server under test on a core of its own' : 'no pinning to cores',
  ];
  return parts.join(', ');
}
