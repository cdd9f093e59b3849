import type { Redis } from 'ioredis';
import { startDeadline } from '../deadline.js';
import type { SaveOutcome } from '../grants/grant-records.js';
import type { Wait } from './durability.js';
import { type DurabilityCheck, isRefusal } from './durability-check.js';

/** A script that writes one key and returns 1, or returns 0 and writes nothing. */
export interface SaveScript {
  readonly script: string;
  readonly key: string;
  readonly args: readonly (string | number)[];
}

/** Runs a script; errors are ioredis's. */
export type RunSave = (save: SaveScript) => Promise<SaveOutcome>;

export interface ConfirmedSavesDeps {
  /**
   * A connection for nothing but this: while the server waits for its disk it reads no further
   * commands of the same connection.
   */
  readonly client: Redis;
  readonly check: DurabilityCheck;
  /** How long a save may wait for its confirmation. Must be less than a command may take. */
  readonly waitMs?: number;
  /** How much later a server counts as silent that was asked to end the wait itself. */
  readonly graceMs?: number;
  /** Told why writes that count are not known to be safe. */
  readonly onUnconfirmed?: ((reason: string) => void) | undefined;
}

interface Waiting {
  readonly save: SaveScript;
  readonly wait: Wait;
  readonly settle: (outcome: Promise<SaveOutcome>) => void;
}

const WAIT_MS = 200;
/** The server ends the wait, looking at the clock each tenth of a second; this is for one that is silent. */
const GRACE_MS = 200;
const SILENT = 'Redis did not answer in time';

/**
 * Saves that resolve when they are safe: on disk, and at a replica where there is one. Scripts and
 * waits travel together, and saves that come while the server waits share the next wait.
 *
 * A confirmation that does not come in time is reported, and left to the caller: the write is in the
 * server's memory. When the connection breaks instead, the server may have died with the write, so the save
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

  function join(save: SaveScript, wait: Wait): Promise<SaveOutcome> {
    return new Promise((settle) => {
      waiting.push({ save, wait, settle });
      void sendAll();
    });
  }

  return async (save) => {
    const durability = await check.current();
    // Silent for as long as a command may take: not worth a second wait.
    if (durability === undefined) throw new Error('Redis does not answer');
    const { wait, mayLag } = durability;
    // A replica may have come since, for example the old master after a failover.
    if (!wait?.replica) check.doubt();
    const outcome = await (wait === undefined ? sendAlone(client, save) : join(save, wait));
    // Not reported with each save: what is the matter with the settings was said when they were learned.
    return outcome === 'confirmed' && mayLag ? 'unconfirmed' : outcome;
  };
}

async function sendAlone(client: Redis, save: SaveScript): Promise<SaveOutcome> {
  return (await run(client, save)) && 'confirmed';
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
  if (results.some((one) => one.status === 'fulfilled' && one.value) && reason !== undefined) {
    deps.onUnconfirmed?.(reason);
    // Perhaps a replica has left, or the append-only file was switched off.
    deps.check.doubt();
  }
  return reason !== SILENT;
}

/** A save that was refused has nothing to wait for. */
async function whenConfirmed(
  write: Promise<boolean>,
  shortfall: Promise<string | undefined>,
): Promise<SaveOutcome> {
  if (!(await write)) return false;
  return (await shortfall) === undefined ? 'confirmed' : 'unconfirmed';
}

/**
 * Resolves to why the writes before it are not known to be safe, or to undefined when they are.
 *
 * @throws Error of ioredis when the connection broke.
 */
async function confirmation(deps: ConfirmedSavesDeps, wait: Wait): Promise<string | undefined> {
  const { client, waitMs = WAIT_MS, graceMs = GRACE_MS } = deps;
  let stop = () => {};
  const silent = new Promise<string>((resolve) => {
    stop = startDeadline(waitMs + graceMs, () => resolve(SILENT));
  });
  try {
    return await Promise.race([ask(client, wait, waitMs), silent]);
  } finally {
    stop();
  }
}

/** One connection's waits run one after the other, so they share the time. */
async function ask(client: Redis, wait: Wait, waitMs: number): Promise<string | undefined> {
  const { disk, replica } = wait;
  // A replica answers within milliseconds or is in trouble; a disk may take its time.
  const replicaMs = disk ? Math.ceil(waitMs / 3) : waitMs;
  const diskMs = replica ? waitMs - replicaMs : waitMs;
  const shortfalls = await Promise.all([
    replica && shortfall(client.call('WAIT', 1, replicaMs), 'not at a replica in time'),
    disk && shortfall(client.call('WAITAOF', 1, 0, diskMs), 'not on disk in time'),
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
