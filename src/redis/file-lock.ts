import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_MS = 60_000;
const POLL_MS = 25;
/** A lock file is held for as long as a server takes to start; older ones are leftovers. */
const STALE_MS = 60_000;
/** The holder's id is written right after the file is made. */
const NAMELESS_MS = 2_000;

/**
 * Runs `work` while no other process does so for the same file. A holder that died is found by its
 * process id.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await create(path))) {
    if (performance.now() > deadline) throw new Error(`${path} has been held for too long`);
    if (await isStale(path)) await breakStale(path);
    else await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** Whether a process of this id runs, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** Whether a call to the system failed with one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return codes.includes(String(error.code));
}

async function create(path: string): Promise<boolean> {
  try {
    await writeFile(path, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const [pid, age] = [Number.parseInt(text, 10), Date.now() - mtimeMs];
    if (Number.isNaN(pid)) return age > NAMELESS_MS;
    return age > STALE_MS || !isAlive(pid);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Two processes may see the same leftover; the slower one must not delete the lock that the faster
 * one took in its place. So they delete under a second file, and look again there.
 */
async function breakStale(path: string): Promise<void> {
  const breaking = `${path}.breaking`;
  if (!(await create(breaking))) {
    // Held for two file operations only.
    if (await isStale(breaking)) await rm(breaking, { force: true });
    await delay(POLL_MS);
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(breaking, { force: true });
  }
}
