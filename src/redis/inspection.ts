import { randomBytes } from 'node:crypto';
import { Cluster, type Redis } from 'ioredis';
import { type RedisClient, closeRedis, connectRedis, waitUntilReady } from './client.js';
import { ConnectionProblem } from './connection-error.js';
import {
  type ServerFacts,
  durabilityOf,
  type DurabilityProblem,
  infoFields,
} from './durability.js';
import { isRefusal, readFacts } from './durability-check.js';
import { keysOf } from './keys-of.js';
import { type ClockReading, readServerClock } from './server-clock.js';
import { withoutCommand } from './store-call.js';
import type { StoreAddress } from './store-url.js';
import { type TrialCommand, trialCommands } from './trial-commands.js';

/** One server: the only one, the master behind the sentinels, or a master of the cluster. */
export interface InspectedNode {
  /** INFO by name; empty when this login may not ask. */
  readonly info: ReadonlyMap<string, string>;
  readonly settings: ReadonlyMap<string, string>;
  readonly problems: readonly DurabilityProblem[];
  readonly time: ClockReading | undefined;
}

/** A store as it is met from here. Holds nothing of the login. */
export type StoreInspection =
  | {
      readonly reached: false;
      readonly reason: string;
      /** Where it is known what to do. */
      readonly todo?: string;
    }
  | {
      readonly reached: true;
      readonly nodes: readonly InspectedNode[];
      /** CLUSTER INFO; undefined where there is no cluster. */
      readonly cluster: ReadonlyMap<string, string> | undefined;
      /** Milliseconds of each of a row of PINGs, and of writes as a save makes them. */
      readonly pings: readonly number[];
      readonly writes: readonly number[];
      /** Commands that this login may not use, and what was answered. */
      readonly refused: readonly string[];
      /** The channels of signals, as a pattern. */
      readonly channels: string;
      /** Of the installation whose store it is; undefined when this login may not look. */
      readonly marks: readonly string[] | undefined;
    };

export interface InspectionDeps {
  readonly address: StoreAddress;
  readonly readyWaitMs: number;
  readonly now?: () => number;
  readonly elapsed?: () => number;
}

const PINGS = 50;
const WRITES = 10;

/** Looks at the store for a second or so, over a connection of its own. Never fails. */
export async function inspectStore(deps: InspectionDeps): Promise<StoreInspection> {
  let missed: Missed = { reached: false, reason: 'no answer in time' };
  const hopeless = new AbortController();
  const onError = (error: Error) => {
    missed = missedBy(error);
    if (isHopeless(error, deps.address)) hopeless.abort();
  };
  const client = connectRedis(deps.address, { onError });
  try {
    const ready = waitUntilReady(client, deps.readyWaitMs);
    if (!(await Promise.race([ready, aborted(hopeless.signal)]))) {
      return missed;
    }
    return await inspect(client, deps);
  } catch (error) {
    return missedBy(withoutCommand(error) as Error);
  } finally {
    await closeRedis(client);
  }
}

type Missed = Extract<StoreInspection, { reached: false }>;

function missedBy(error: Error): Missed {
  if (!(error instanceof ConnectionProblem)) return { reached: false, reason: error.message };
  return { reached: false, reason: error.found, todo: error.todo };
}

/** Waiting makes no password right, and no other certificate; of several nodes another one may do. */
function isHopeless(error: Error, { kind }: StoreAddress): boolean {
  if (error instanceof ConnectionProblem) return kind === 'single' || kind === 'socket';
  // The words for it that a server answers with.
  return /^(WRONGPASS|NOAUTH)\b/.test(error.message);
}

function aborted(signal: AbortSignal): Promise<false> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(false), { once: true });
  });
}

async function inspect(
  client: RedisClient,
  { now = Date.now, elapsed = () => performance.now() }: InspectionDeps,
): Promise<StoreInspection> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  const [first] = servers;
  if (first === undefined) return { reached: false, reason: 'the cluster has no masters' };
  const nodes = await Promise.all(servers.map((server) => inspectNode(server, now)));
  const cluster =
    client instanceof Cluster ? infoFields(await first.cluster('INFO').catch(() => '')) : undefined;
  const keys = keysOf(client);
  const id = randomBytes(9).toString('base64url');
  const pings = await timed(PINGS, elapsed, () => first.ping());
  const refused = await tryCommands(client, trialCommands(keys, id));
  const write = () => client.set(keys.trial(id, 'string'), '1', 'PX', 1_000);
  const writes = refused.some(isOfReplica) ? [] : await timed(WRITES, elapsed, write);
  const channels = keys.signalChannel('*');
  const marks = await client.smembers(keys.installation).catch(() => undefined);
  return { reached: true, nodes, cluster, pings, writes, refused, channels, marks };
}

async function inspectNode(server: Redis, now: () => number): Promise<InspectedNode> {
  const facts: ServerFacts = await readFacts(server);
  return {
    info: infoFields(facts.info ?? ''),
    settings: facts.settings ?? new Map(),
    problems: durabilityOf(facts).problems,
    time: await readServerClock(server, now),
  };
}

/** One after the other: some need what an earlier one made. */
async function tryCommands(
  client: RedisClient,
  commands: readonly TrialCommand[],
): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const [name, ...args] of commands) {
    try {
      await client.call(name, ...args);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const [word = ''] = error.message.split(' ');
      if (REFUSALS.has(word)) refused.push(`${name} (${word})`);
      // The client leaves a replica, to look for the master.
      if (refused.some(isOfReplica)) break;
    }
  }
  return [...new Set(refused)];
}

/** No permission; a replica; no room; replicas are missing; a disk that is full; a cluster with a gap. */
const REFUSALS = new Set(['NOPERM', 'READONLY', 'OOM', 'NOREPLICAS', 'MISCONF', 'CLUSTERDOWN']);

function isOfReplica(refused: string): boolean {
  return refused.endsWith('(READONLY)');
}

/** Until the first that is refused: `refused` says so. */
async function timed(
  times: number,
  elapsed: () => number,
  call: () => Promise<unknown>,
): Promise<readonly number[]> {
  const took: number[] = [];
  for (let count = 0; count < times; count += 1) {
    const from = elapsed();
    try {
      await call();
    } catch (error) {
      if (isRefusal(error)) break;
      throw error;
    }
    took.push(elapsed() - from);
  }
  return took;
}
