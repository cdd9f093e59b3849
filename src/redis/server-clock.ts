import { Cluster } from 'ioredis';
import type { RedisClient } from './client.js';

/** What a clock of Redis said, and ours in that moment; milliseconds since the epoch. */
export interface ClockReading {
  readonly theirs: number;
  readonly ours: number;
}

/** Asks the time of Redis; of a cluster, that of one master. Undefined when it is not told. Never fails. */
export async function readServerClock(
  client: RedisClient,
  now: () => number,
): Promise<ClockReading | undefined> {
  const server = client instanceof Cluster ? client.nodes('master')[0] : client;
  try {
    const from = now();
    const answer = await server?.time();
    if (answer === undefined) return undefined;
    const [seconds = 0, micros = 0] = answer.map(Number);
    return { theirs: seconds * 1_000 + micros / 1_000, ours: (from + now()) / 2 };
  } catch {
    return undefined;
  }
}
