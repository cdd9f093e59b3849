import { setTimeout as delay } from 'node:timers/promises';
import { Command, type Redis } from 'ioredis';
import type { Wait } from './durability.js';
import { type DurabilityCheck, isRefusal } from './durability-check.js';

/** A script that writes one key and returns 1, or returns 0 and writes nothing. */
export interface SaveScript {
  readonly script: string;
  readonly key: string;
  readonly args: readonly (string | number)[];
}

/** Runs a script. Resolves to whether it wrote; errors are ioredis's. */
export type RunSave = (save: SaveScript) => Promise<boolean>;

export interface ConfirmedSavesDeps {
  /**
   * A connection for nothing but this: while the server waits for its disk it reads no further
   * commands of the same connection.
   */
  readonly client: Redis;
  readonly check: DurabilityCheck;
  /** How long a save may wait for its confirmation. */
  readonly limits?: WaitLimits | undefined;
  /** Told why writes that count are not known to be safe. */
  readonly onUnconfirmed?: ((reason: string) => void) | undefined;
}

export interface WaitLimits {
  readonly diskMs: number;
  readonly replicaMs: number;
}

interface Waiting {
  readonly save: SaveScript;
  readonly wait: Wait;
  readonly settle: (wrote: Promise<boolean>) => void;
}

/**
 * A replica answers within milliseconds or is in trouble. A disk that is written every second is waited
 * for that long, once in two hours for each user and mostly behind their backs.
 */
const LIMITS: WaitLimits = { diskMs: 1_200, replicaMs: 300 };
/** The server ends the wait; this is for one that says nothing at all. */
const GRACE_MS = 100;
const SILENT = 'Redis did not answer in time';

/**
 * Saves that resolve when they are safe: on disk, and at a replica where there is one. Scripts and
 * waits travel together, and saves that come while the server waits share the next wait.
 *
 * A confirmation that does not come in time costs nothing but a report: the write is in the server's
 * memory. When the connection breaks instead, the server may have died with the write, so the save
 * fails as one whose fate is unknown; its caller repeats it.
 */
export function createConfirmedSaves(deps: ConfirmedSavesDeps): RunSave {
  const { client, check } = deps;
  const waiting: Waiting[] = [];
  let sending = false;

  async function sendAll(): Promise<void> {
    if (sending) return;
    sending = true;
    while (waiting.length > 0) {
      if (await sendTogether(deps, waiting.splice(0))) continue;
      // Whoever came meanwhile has waited as long as a command may take, and is not sent at all.
      for (const { settle } of waiting.splice(0)) settle(Promise.reject(new Error(SILENT)));
    }
    sending = false;
  }

  return async (save) => {
    const durability = await check.current();
    // Silent for as long as a command may take: not worth a second wait.
    if (durability === undefined) throw new Error('Redis does not answer');
    const { wait } = durability;
    // A replica may have come since, for example the old master after a failover.
    if (!wait?.replica) check.doubt();
    if (wait === undefined) return await run(client, save);
    return await new Promise((settle) => {
      waiting.push({ save, wait, settle });
      void sendAll();
    });
  };
}

/** Never fails; each save learns of its own outcome. Resolves to whether the server answers. */
async function sendTogether(deps: ConfirmedSavesDeps, batch: readonly Waiting[]): Promise<boolean> {
  const [first] = batch;
  if (first === undefined) return true;
  const writes = batch.map(({ save, settle }) => ({ wrote: run(deps.client, save), settle }));
  // Sent at once, behind the scripts, and not after their answers.
  const outcome = confirmation(deps, first.wait);
  const outcomeOrLoss = outcome.catch(() => undefined);
  const saves = writes.map(({ wrote, settle }) => {
    const save = whenConfirmed(wrote, outcome);
    settle(save);
    return save;
  });
  const results = await Promise.allSettled(saves);
  const broken = results.some((one) => one.status === 'rejected' && !isRefusal(one.reason));
  // Whoever came meanwhile need not wait for the confirmation of something that was not answered.
  if (broken) return false;
  const reason = await outcomeOrLoss;
  const counts = results.some((one) => one.status === 'fulfilled' && one.value);
  if (counts && reason !== undefined) {
    deps.onUnconfirmed?.(reason);
    // Perhaps a replica has left, or the append-only file was switched off.
    deps.check.doubt();
  }
  return reason !== SILENT;
}

/** A save that was refused has nothing to wait for. */
async function whenConfirmed(write: Promise<boolean>, outcome: Promise<unknown>): Promise<boolean> {
  const wrote = await write;
  if (wrote) await outcome;
  return wrote;
}

/**
 * Resolves to why the writes before it are not known to be safe, or to undefined when they are.
 *
 * @throws Error of ioredis when the connection broke.
 */
async function confirmation(deps: ConfirmedSavesDeps, wait: Wait): Promise<string | undefined> {
  const { diskMs, replicaMs } = deps.limits ?? LIMITS;
  // One connection's waits run one after the other.
  const limitMs = (wait.replica ? replicaMs : 0) + (wait.disk ? diskMs : 0) + GRACE_MS;
  const silence = new AbortController();
  try {
    return await Promise.race([
      ask(deps, wait, limitMs),
      delay(limitMs, SILENT, { signal: silence.signal }),
    ]);
  } finally {
    silence.abort();
  }
}

async function ask(
  { client, limits = LIMITS }: ConfirmedSavesDeps,
  { disk, replica }: Wait,
  limitMs: number,
): Promise<string | undefined> {
  const send = (name: string, ...args: number[]) => {
    const command = new Command(name, args, { replyEncoding: 'utf8' });
    // Set ahead of the connection, which allows no command that much; nobody waits for it that long.
    command.setTimeout(limitMs + GRACE_MS);
    return client.sendCommand(command) as Promise<unknown>;
  };
  const shortfalls = await Promise.all([
    replica && shortfall(send('WAIT', 1, limits.replicaMs), 'not at a replica in time'),
    disk && shortfall(send('WAITAOF', 1, 0, limits.diskMs), 'not on disk in time'),
  ]);
  return shortfalls.find((one) => typeof one === 'string');
}

/** `answer` is how many replicas have it, or a pair of which the first is how many disks. */
async function shortfall(answer: Promise<unknown>, late: string): Promise<string | undefined> {
  try {
    const [count] = [await answer].flat();
    return Number(count) >= 1 ? undefined : late;
  } catch (error) {
    // UNBLOCKED: a failover made a replica of the server, which may throw the write away.
    if (!isRefusal(error) || error.message.startsWith('UNBLOCKED')) throw error;
    return `Redis refuses to confirm: ${error.message}`;
  }
}

async function run(client: Redis, { script, key, args }: SaveScript): Promise<boolean> {
  return (await client.eval(script, 1, key, ...args)) === 1;
}
