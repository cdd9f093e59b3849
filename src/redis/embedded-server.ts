import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openDataFolder } from '../data-folder.js';
import { hasCode, isRunning, ownName, withFileLock } from './file-lock.js';
import { endWithProcess, findServerProgram, startServerChild } from './server-child.js';
import {
  isListening,
  requestShutdown,
  serverProcess,
  serverState,
  socketPathFor,
} from './server-socket.js';
import type { StoreAddress } from './store-url.js';

/** A private Redis of our own, shared by all our processes that use the same data folder. */
export interface EmbeddedRedis {
  readonly address: StoreAddress;
  /** The program that is installed here, `redis-server` or `valkey-server`. */
  readonly program: string;
  /** Whether the server ends with this process. It changes when a process takes over. */
  readonly owned: boolean;
  /** Ends an owned server and waits until it has ended; leaves another one's alone. */
  readonly close: () => Promise<void>;
}

export interface EmbeddedRedisOptions {
  readonly dataDir: string;
  readonly log?: (message: string) => void;
  /** What our keys in it begin with; see `StoreAddress`. */
  readonly prefix?: string | undefined;
  /** Replaces the process's environment in the search for the program. */
  readonly env?: NodeJS.ProcessEnv;
  /** How often a process looks after a server that it has not started itself. */
  readonly watchMs?: number;
  /** How long after a loss there is a first attempt to start another. */
  readonly againMs?: number;
}

interface Place {
  readonly program: string;
  readonly dataDir: string;
  readonly socketPath: string;
  /** Holds the name of the owner's process. */
  readonly ownerFile: string;
  readonly log: (message: string) => void;
  readonly watchMs: number;
  readonly againMs: number;
  readonly closing: AbortSignal;
}

/** What this process has to do with the server. */
interface Part {
  readonly owned: boolean;
  /** Resolves with what has happened when the server or its owner is gone, or when we close. */
  readonly lost: () => Promise<string>;
  readonly end: () => Promise<void>;
}

const STOP_MS = 5_000;
const POLL_MS = 25;
const WATCH_MS = 1_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
/** A server that ran for so long is no part of a row of failures. */
const STEADY_MS = 10_000;

/**
 * Starts a private server for `dataDir`, or joins the one that another process of ours has started.
 * A server whose owner died is adopted.
 *
 * Until it is closed it sees to it that there is a server: the owner starts one that ended again, and
 * when the owner itself ends, one of the processes that had joined takes its place within about a
 * second. Everything that was answered is kept, so a client only has to connect again.
 *
 * NOTE: it is a store for development; production has `REDIS_URL`.
 *
 * @returns undefined when no server program (6.2 or newer) is installed.
 * @throws OpenToOthersError when the folder cannot be closed to other accounts of the machine.
 * @throws Error with the program's last output lines when it does not start. Later failures are
 *   logged, and tried again for ever.
 */
export async function startEmbeddedRedis(
  options: EmbeddedRedisOptions,
): Promise<EmbeddedRedis | undefined> {
  const program = await findServerProgram(options.env);
  if (program === undefined) return undefined;
  const dataDir = resolve(options.dataDir);
  openDataFolder(dataDir);
  const closing = new AbortController();
  const place: Place = {
    program,
    dataDir,
    socketPath: await socketPathFor(dataDir),
    ownerFile: join(dataDir, 'redis.owner'),
    log: options.log ?? ignore,
    watchMs: options.watchMs ?? WATCH_MS,
    againMs: options.againMs ?? FIRST_WAIT_MS,
    closing: closing.signal,
  };
  const held = { part: await locked(place, () => joinOrStart(place)) };
  const kept = keep(place, held);
  const close = async () => {
    closing.abort();
    // A start that is under way has the lock: wait for it, then end what it started.
    await locked(place, async () => {
      await held.part.end();
      held.part = failed('closed');
    });
    await kept;
  };
  return embedded(place, { held, prefix: options.prefix }, close);
}

function embedded(
  { socketPath, program }: Place,
  { held, prefix }: { held: { readonly part: Part }; prefix: string | undefined },
  close: () => Promise<void>,
): EmbeddedRedis {
  let closed: Promise<void> | undefined;
  return {
    address: { kind: 'socket', path: socketPath, db: 0, ...(prefix && { prefix }) },
    program,
    get owned() {
      return held.part.owned;
    },
    close: () => (closed ??= close()),
  };
}

/** Two servers on one folder would destroy its data, so starting and ending take turns. */
function locked<T>({ dataDir }: Place, work: () => Promise<T>): Promise<T> {
  return withFileLock(join(dataDir, 'redis.lock'), work);
}

/** Joins or starts again whenever our part is lost, until we close. */
async function keep(place: Place, held: { part: Part }): Promise<void> {
  let waitMs = place.againMs;
  for (;;) {
    const since = performance.now();
    const reason = await held.part.lost();
    if (place.closing.aborted) return;
    // Nothing is left to end; by the time we close, the server may be another process's.
    held.part = failed(reason);
    place.log(reason);
    if (performance.now() - since > STEADY_MS) waitMs = place.againMs;
    await pause(place, waitMs);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    await regain(place, held);
  }
}

async function regain(place: Place, held: { part: Part }): Promise<void> {
  if (place.closing.aborted) return;
  try {
    await locked(place, async () => {
      if (!place.closing.aborted) held.part = await joinOrStart(place);
    });
  } catch (error) {
    held.part = failed(error instanceof Error ? error.message : String(error));
  }
}

async function joinOrStart(place: Place): Promise<Part> {
  const { socketPath, ownerFile, program, log } = place;
  const listening = await isListening(socketPath);
  const owner = await livingOwner(ownerFile);
  if (listening && owner !== undefined) {
    log(`using the embedded ${program} of process ${Number.parseInt(owner, 10)}`);
    return joined(place);
  }
  // Ahead of the start: should we die during it, the server is known to be nobody's.
  await writeFile(ownerFile, ownName(), { mode: 0o600 });
  if (!listening) return await startOwn(place);
  log(`adopted an embedded ${program} whose owner is gone`);
  return adopted(place, await serverProcess(socketPath));
}

async function startOwn(place: Place): Promise<Part> {
  const { program } = place;
  const child = await startServerChild(place);
  place.log(`started an embedded ${program}, process ${child.pid}`);
  return {
    owned: true,
    lost: async () => `the embedded ${program} ended unexpectedly:\n${await child.ended}`,
    end: async () => {
      await child.stop();
      await disown(place);
    },
  };
}

function adopted(place: Place, pid: number | undefined): Part {
  const leave = pid === undefined ? ignore : endWithProcess(pid);
  return {
    owned: true,
    lost: async () => {
      await watch(place, () => isAbsent(place));
      leave();
      return `the embedded ${place.program} ended unexpectedly`;
    },
    end: () => endAdopted(place),
  };
}

function joined(place: Place): Part {
  return {
    owned: false,
    lost: async () => {
      await watch(place, async () => !(await livingOwner(place.ownerFile)) || isAbsent(place));
      return `the embedded ${place.program} or its owner is gone`;
    },
    end: () => Promise.resolve(),
  };
}

/** No part at all, and a reason to try again. */
function failed(reason: string): Part {
  return { owned: false, lost: () => Promise.resolve(reason), end: () => Promise.resolve() };
}

/** Resolves when `isLost` or when we close. An answer that cannot be had is no loss. */
async function watch(place: Place, isLost: () => Promise<boolean>): Promise<void> {
  do await pause(place, place.watchMs);
  while (!place.closing.aborted && !(await isLost().catch(() => false)));
}

/** Waits without keeping the process alive, and not beyond our closing. */
async function pause({ closing }: Place, ms: number): Promise<void> {
  await delay(ms, undefined, { signal: closing, ref: false }).catch(() => 'closing');
}

async function isAbsent({ socketPath }: Place): Promise<boolean> {
  return (await serverState(socketPath)) === 'absent';
}

async function ownerOf(ownerFile: string): Promise<string | undefined> {
  try {
    return await readFile(ownerFile, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function endAdopted(place: Place): Promise<void> {
  await requestShutdown(place.socketPath);
  const deadline = performance.now() + STOP_MS;
  while (!(await isAbsent(place))) {
    if (performance.now() > deadline) throw new Error(`${place.program} does not end`);
    await delay(POLL_MS);
  }
  await disown(place);
}

async function livingOwner(ownerFile: string): Promise<string | undefined> {
  const owner = await ownerOf(ownerFile);
  return owner !== undefined && isRunning(owner) ? owner : undefined;
}

async function disown({ ownerFile }: Place): Promise<void> {
  if ((await ownerOf(ownerFile)) === ownName()) await rm(ownerFile, { force: true });
}

function ignore(): void {
  // Nothing is to be done.
}
