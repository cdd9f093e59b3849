import { Redis } from 'ioredis';
import { type TestRedis, type TestRedisOptions, startRedis } from './redis-server.js';

/** One server of a group, reached by TCP. */
export interface GroupMember extends TestRedis {
  readonly port: number;
}

/** Several servers that stand in for each other: behind sentinels, or as a cluster. */
export interface RedisGroup {
  /** For `REDIS_URL`. */
  readonly url: string;
  /** Without the sentinels. */
  readonly members: readonly GroupMember[];
  /** Who is the master now, in a cluster that of `key`'s slot, as the group itself sees it. */
  readonly masterOf: (key: string) => Promise<GroupMember>;
  /** Resolves when every master has a replica that could take over. */
  readonly followed: () => Promise<void>;
  /** Resolves when every member is up and in its place. */
  readonly healthy: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface GroupOptions {
  /** For every server but sentinels. */
  readonly args?: readonly string[];
}

export const HEALTHY_WITHIN_MS = 30_000;

/** How many replicas of the server at `port` are in step. */
export async function followers(port: number): Promise<number> {
  const info = String(await askOne(port, 'INFO', 'replication').catch(() => ''));
  return [...info.matchAll(/^slave\d+:.*state=online/gm)].length;
}

export function memberAt(members: readonly GroupMember[], port: number): GroupMember {
  const found = members.find((member) => member.port === port);
  if (found === undefined) throw new Error('a master that is not of this group');
  return found;
}

/** Opens servers; what was opened is closed again when the rest cannot be. */
export async function openGroup(
  open: (start: StartMember, stop: () => Promise<void>) => Promise<RedisGroup>,
): Promise<RedisGroup> {
  const opened: TestRedis[] = [];
  const stop = async () => {
    await Promise.all(opened.splice(0).map((redis) => redis.stop()));
  };
  const start: StartMember = async (port, { args = [], ...rest }) => {
    const listening = ['--port', String(port), '--bind', '127.0.0.1'];
    const redis = await startRedis({ args: [...listening, ...args], ...rest });
    opened.push(redis);
    return { ...redis, port };
  };
  try {
    const group = await open(start, stop);
    await group.healthy();
    return group;
  } catch (error) {
    await stop();
    throw error;
  }
}

type StartMember = (port: number, options: TestRedisOptions) => Promise<GroupMember>;

/** One command on a connection of its own; fails within a second. */
export async function askOne(port: number, name: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(port, '127.0.0.1', {
    ...{ retryStrategy: null, commandTimeout: 1_000, maxRetriesPerRequest: 0, protocol: 2 },
  });
  client.on('error', () => undefined);
  try {
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}

export function fields(flat: unknown): ReadonlyMap<string, string> {
  const words = flat as string[];
  return new Map(words.flatMap((name, at) => (at % 2 === 0 ? [[name, words[at + 1]!]] : [])));
}
