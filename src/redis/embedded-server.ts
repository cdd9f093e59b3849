import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode, isAlive, withFileLock } from './file-lock.js';
import { type ServerChild, findServerProgram, startServerChild } from './server-child.js';
import { requestShutdown, serverState, socketPathFor } from './server-socket.js';
import type { StoreAddress } from './store-url.js';

/** A private Redis of our own, shared by all our processes that use the same data folder. */
export interface EmbeddedRedis {
  readonly address: StoreAddress;
  /** The program that is installed here, `redis-server` or `valkey-server`. */
  readonly program: string;
  /** Whether the server ends with this process. */
  readonly owned: boolean;
  /** Ends an owned server and waits until it has ended; does nothing to another one's. */
  readonly close: () => Promise<void>;
}

export interface EmbeddedRedisOptions {
  readonly dataDir: string;
  readonly log?: (message: string) => void;
  /** Replaces the process's environment in the search for the program. */
  readonly env?: NodeJS.ProcessEnv;
}

interface Place {
  readonly program: string;
  readonly dataDir: string;
  readonly socketPath: string;
  /** Holds the process id of the owner. */
  readonly ownerFile: string;
  readonly log: (message: string) => void;
}

const BUSY_MS = 30_000;
const STOP_MS = 5_000;
const POLL_MS = 25;

/**
 * Starts a private server for `dataDir`, or joins the one that another process of ours has started.
 * A server whose owner died is adopted.
 *
 * NOTE: when the owner ends properly, the server ends with it, and the processes that had joined lose
 * their store until one of them is started again. It is a store for development; production has
 * `REDIS_URL`.
 *
 * @returns undefined when no server program (6.2 or newer) is installed.
 * @throws Error with the program's last output lines when it does not start.
 */
export async function startEmbeddedRedis(
  options: EmbeddedRedisOptions,
): Promise<EmbeddedRedis | undefined> {
  const program = await findServerProgram(options.env);
  if (program === undefined) return undefined;
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const place: Place = {
    program,
    dataDir,
    socketPath: await socketPathFor(dataDir),
    ownerFile: join(dataDir, 'redis.owner'),
    log: options.log ?? ignore,
  };
  return await locked(place, () => joinOrStart(place));
}

/** Two servers on one folder would destroy its data, so starting and ending take turns. */
function locked<T>({ dataDir }: Place, work: () => Promise<T>): Promise<T> {
  return withFileLock(join(dataDir, 'redis.lock'), work);
}

async function joinOrStart(place: Place): Promise<EmbeddedRedis> {
  const { socketPath, ownerFile, program, log } = place;
  if (await isListening(socketPath)) {
    const owner = await ownerOf(ownerFile);
    if (owner !== undefined && isAlive(owner)) {
      log(`using the embedded ${program} of process ${owner}`);
      return embedded(place, { owned: false, close: () => Promise.resolve() });
    }
    await writeFile(ownerFile, `${process.pid}\n`);
    log(`adopted an embedded ${program} whose owner is gone`);
    return embedded(place, { owned: true, close: () => endAdopted(place) });
  }
  const child = await startServerChild(place);
  await writeFile(ownerFile, `${process.pid}\n`);
  log(`started an embedded ${program}, process ${child.pid}`);
  return embedded(place, { owned: true, close: endChildOf(place, child) });
}

/** Waits for one that is loading: it listens from the start, but answers only when it is done. */
async function isListening(socketPath: string): Promise<boolean> {
  const deadline = performance.now() + BUSY_MS;
  while (performance.now() < deadline) {
    const state = await serverState(socketPath);
    if (state !== 'busy') return state === 'ready';
    await delay(POLL_MS);
  }
  throw new Error(`a server listens on ${socketPath} but does not answer; end it by hand`);
}

async function ownerOf(ownerFile: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(ownerFile, 'utf8'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function embedded(place: Place, rest: Pick<EmbeddedRedis, 'owned' | 'close'>): EmbeddedRedis {
  let closed: Promise<void> | undefined;
  return {
    address: { kind: 'socket', path: place.socketPath, db: 0 },
    program: place.program,
    owned: rest.owned,
    close: () => (closed ??= rest.close()),
  };
}

function endChildOf(place: Place, child: ServerChild): () => Promise<void> {
  let closing = false;
  void child.ended.then((lines) => {
    if (!closing) place.log(`the embedded ${place.program} ended unexpectedly:\n${lines}`);
  });
  return () => {
    closing = true;
    return locked(place, async () => {
      await child.stop();
      await rm(place.ownerFile, { force: true });
    });
  };
}

function endAdopted(place: Place): Promise<void> {
  return locked(place, async () => {
    await requestShutdown(place.socketPath);
    const deadline = performance.now() + STOP_MS;
    while ((await serverState(place.socketPath)) !== 'absent') {
      if (performance.now() > deadline) throw new Error(`${place.program} does not end`);
      await delay(POLL_MS);
    }
    await rm(place.ownerFile, { force: true });
  });
}

function ignore(): void {
  // Nobody listens to the log.
}
