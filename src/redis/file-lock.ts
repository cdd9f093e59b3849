import { readFileSync } from 'node:fs';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_MS = 60_000;
const POLL_MS = 25;
/** A lock file is held for as long as a server takes to start; older ones are leftovers. */
const STALE_MS = 60_000;
/** A holder shows in the file's time that it is there; one of another machine shows it nowhere else. */
const SHOWN_EVERY_MS = 1_000;
const NOT_SHOWN_MS = 10_000;
/** The holder's id is written right after the file is made. */
const NAMELESS_MS = 2_000;

/**
 * Runs `work` while no other process does so for the same file. A holder that died is found by its
 * process id and the time at which that process started, since ids are used again: in containers each
 * process has the same one.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await create(path))) {
    if (performance.now() > deadline) throw new Error(`${path} has been held for too long`);
    if (await isStale(path)) await breakStale(path);
    else await delay(POLL_MS);
  }
  const shown = setInterval(() => void show(path), SHOWN_EVERY_MS).unref();
  try {
    return await work();
  } finally {
    clearInterval(shown);
    await rm(path, { force: true });
  }
}

async function show(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => 'gone');
}

/** What a file holds that belongs to this process: its id, when it started, and its machine. */
export function ownName(): string {
  return `${process.pid} ${startOf(process.pid) ?? Math.round(performance.timeOrigin)} ${hostname()}\n`;
}

/** Whether the process of that name runs. Earlier versions wrote its id alone. */
export function isRunning(name: string): boolean {
  const [id = '', start, host = hostname()] = name.trim().split(' ');
  const pid = Number(id);
  if (name === ownName()) return true;
  // One of another machine, with this folder on a shared disk, cannot be looked for.
  if (host !== hostname()) return true;
  if (pid === process.pid || !isAlive(pid)) return false;
  const found = startOf(pid);
  return found !== ENDED && (start === undefined || [start, undefined].includes(found));
}

/** Of a process that is dead, though its parent has not asked for its end yet. */
const ENDED = 'ended';

/**
 * When a process started, in ticks since the machine did; undefined where the system does not say.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
function startOf(pid: number): string | undefined {
  try {
    // The program's name is in brackets, and may hold blanks and brackets itself.
    const [, rest = ''] = /.*\)(.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    const fields = rest.trim().split(' ');
    return fields[0] === 'Z' ? ENDED : fields[19];
  } catch {
    return undefined;
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
    await writeFile(path, ownName(), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const age = Date.now() - mtimeMs;
    if (text.trim() === '') return age > NAMELESS_MS;
    return age > (isElsewhere(text) ? NOT_SHOWN_MS : STALE_MS) || !isRunning(text);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

function isElsewhere(name: string): boolean {
  const host = name.trim().split(' ')[2];
  return host !== undefined && host !== hostname();
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
