import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
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
  /** How long a save may wait for its confirmation. Must be less than a command may take. */
  readonly waitMs?: number;
  /** Told why writes that count are not known to be safe. */
  readonly onUnconfirmed?: (reason: string) => void;
}

interface Waiting {
  readonly save: SaveScript;
  readonly wait: Wait;
  readonly settle: (wrote: Promise<boolean>) => void;
}

const WAIT_MS = 300;
/** The server ends the wait; this is for one that says nothing at all. */
const GRACE_MS = 100;

/**
 * Saves that resolve when they are safe: on disk, and at a replica where there is one. Scripts and
 * WAITAOF travel together, and saves that come while the server waits share the next wait.
 *
 * A confirmation that does not come in time costs nothing but a report: the write is in the server's
 * memory. When the connection breaks instead, the server may have died with the write, so the save
 * fails as one whose fate is unknown; its caller repeats it.
 */
export function createConfirmedSaves(deps: ConfirmedSavesDeps): RunSave {
  const { client, check, onUnconfirmed } = deps;
  const waiting: Waiting[] = [];
  let sending = false;

  async function sendAll(): Promise<void> {
    if (sending) return;
    sending = true;
    while (waiting.length > 0) await sendTogether(deps, waiting.splice(0));
    sending = false;
  }

  return async (save) => {
    const durability = await check.current();
    const wait = durability?.wait;
    if (wait !== undefined) {
      return await new Promise((settle) => {
        waiting.push({ save, wait, settle });
        void sendAll();
      });
    }
    const wrote = await run(client, save);
    if (wrote && durability === undefined) onUnconfirmed?.('Redis did not say what it keeps');
    return wrote;
  };
}

/** Never fails; each save learns of its own outcome. */
async function sendTogether(deps: ConfirmedSavesDeps, batch: readonly Waiting[]): Promise<void> {
  const writes = batch.map(({ save }) => run(deps.client, save));
  const outcome = confirmation(deps, batch.at(-1)?.wait);
  const confirmed = batch.map(({ settle }, at) => {
    const write = whenConfirmed(writes[at], outcome);
    settle(write);
    return write;
  });
  const results = await Promise.allSettled(confirmed);
  // Saves that failed or were refused did not wait for it.
  const reason = await outcome.catch(() => undefined);
  const wrote = results.some((one) => one.status === 'fulfilled' && one.value);
  if (!wrote || reason === undefined) return;
  deps.onUnconfirmed?.(reason);
  // Perhaps a replica has left, or the append-only file was switched off.
  deps.check.doubt();
}

/** A save that was refused has nothing to wait for. */
async function whenConfirmed(
  write: Promise<boolean> | undefined,
  outcome: Promise<unknown>,
): Promise<boolean> {
  const wrote = (await write) ?? false;
  if (wrote) await outcome;
  return wrote;
}

/**
 * Resolves to why the writes before it are not known to be safe, or to undefined when they are.
 *
 * @throws Error of ioredis when the connection broke.
 */
async function confirmation(
  { client, waitMs = WAIT_MS }: ConfirmedSavesDeps,
  wait: Wait,
): Promise<string | undefined> {
  const { command, replicas } = wait;
  const args = command === 'WAITAOF' ? [1, replicas, waitMs] : [replicas, waitMs];
  const silence = new AbortController();
  try {
    const answer = await Promise.race([
      client.call(command, ...args),
      delay(waitMs + GRACE_MS, 'silence', { signal: silence.signal }),
    ]);
    return missing(wait, answer);
  } catch (error) {
    // UNBLOCKED: a failover made a replica of the server, which may throw the write away.
    if (!isRefusal(error) || error.message.startsWith('UNBLOCKED')) throw error;
    return `Redis refuses ${command}: ${error.message}`;
  } finally {
    silence.abort();
  }
}

function missing({ command, replicas }: Wait, answer: unknown): string | undefined {
  if (answer === 'silence') return 'Redis did not answer in time';
  const [local, remote] =
    command === 'WAITAOF' ? (Array.isArray(answer) ? answer : [0, 0]).map(Number) : [1, answer];
  if (local !== 1) return 'not on disk in time';
  return Number(remote) >= replicas ? undefined : 'not at a replica in time';
}

async function run(client: Redis, { script, key, args }: SaveScript): Promise<boolean> {
  return (await client.eval(script, 1, key, ...args)) === 1;
}
