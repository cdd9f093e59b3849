import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { closeRedis } from '../src/redis/client.js';
import { type Rotation, type Simulator, startSimulator } from '../src/simulator/simulator.js';
import { environment } from '../test/support/app.js';
import { createBrowser } from '../test/support/browser.js';
import { connectTo } from '../test/support/contract.js';
import { freePorts } from '../test/support/free-ports.js';
import { type ServerProcess, ready, startProcess } from '../test/support/process.js';
import { type TestRedis, startRedis } from '../test/support/redis-server.js';
import { until } from '../test/support/until.js';
import { type Answer, askingAt, call } from './call.js';
import { type Visitor, signIn } from './visitor.js';

export interface FleetOptions {
  readonly processes: number;
  readonly rotation?: Rotation;
  /** Of access tokens. */
  readonly lifetimeSeconds?: number;
  readonly redisArgs?: string[];
  /** Further variables of each process. */
  readonly env?: (folder: string) => Record<string, string>;
  /** Puts something into a process's folder before it starts. */
  readonly prepare?: (folder: string, index: number) => Promise<void>;
}

/** Server processes on one Redis and one simulator, as behind a load balancer. */
export interface Fleet {
  readonly simulator: Simulator;
  readonly redis: TestRedis;
  readonly members: readonly Member[];
  /** A visitor who has just signed in. */
  readonly signIn: (person: number, member?: Member) => Promise<Visitor>;
  readonly close: () => Promise<void>;
}

/** A fleet whose Redis is not one server. */
export type FleetOn = Omit<Fleet, 'redis'>;

type Store = Pick<TestRedis, 'url' | 'stop'>;

export interface Member {
  readonly origin: string;
  /** Its own; it stands for the disk of its machine. */
  readonly folder: string;
  /** Asks as this visitor; the resource API by default. */
  readonly ask: (visitor: Visitor, path?: string) => Promise<Answer>;
  /** What a load balancer's health check sees. */
  readonly isReady: () => Promise<boolean>;
  readonly kill: () => Promise<void>;
  /** SIGTERM, and the exit code. */
  readonly stop: () => Promise<number | NodeJS.Signals>;
  /** Starts it again, on the same port and in the same folder. */
  readonly start: () => Promise<void>;
  readonly pause: () => void;
  readonly resume: () => void;
  /** How often a grant event was counted since it started. */
  readonly events: (name: string) => Promise<number>;
  /** All it has printed, over restarts. */
  readonly output: () => string;
}

export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const redis = await startRedis({ args: options.redisArgs ?? [] });
  const fleet = await openFleetOn(redis, options);
  await allLoaded(redis, options.processes);
  return { ...fleet, redis };
}

/** What a process loads after its start holds up everything else in it; the wait for jobs begins last. */
async function allLoaded(redis: TestRedis, processes: number): Promise<void> {
  const client = (await connectTo(redis)) as Redis;
  const clients = async () => String(await client.client('LIST')).split('\n');
  const isWaiting = (line: string) => line.includes('cmd=bzpopmin');
  try {
    await until(async () => (await clients()).filter(isWaiting).length >= processes);
  } finally {
    await closeRedis(client);
  }
}

/** A fleet on any store, such as a group of servers. It stops the store when it closes. */
export async function openFleetOn(store: Store, options: FleetOptions): Promise<FleetOn> {
  const folder = await mkdtemp(join(tmpdir(), 'fc-torture-'));
  const simulator = await startSimulator({
    rotation: options.rotation ?? 'on_use',
    accessTokenLifetime: options.lifetimeSeconds ?? 7200,
  });
  const ports = await freePorts(options.processes);
  const env = environment({ simulator, redisUrl: store.url, port: ports[0]! });
  const opened = await Promise.allSettled(
    ports.map(async (port, index) => {
      // A folder each: they stand for machines, and a restarted one finds its own disk again.
      const cwd = join(folder, String(index));
      await mkdir(cwd);
      await options.prepare?.(cwd, index);
      const own = { DATA_DIR: join(cwd, 'data'), LOG_LEVEL: 'warn', ...options.env?.(cwd) };
      return openMember({ cwd, port, env: { ...env, ...own, PORT: String(port) } });
    }),
  );
  const members = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = opened.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(members.map((member) => member.kill()));
    await Promise.all([simulator.close(), store.stop()]);
    throw failed.reason;
  }
  return {
    ...{ simulator, members },
    signIn: (person, member = members[0]!) =>
      signIn(createBrowser(member.origin), simulator.people[person]!.id),
    close: async () => {
      await Promise.all(members.map((member) => member.kill()));
      await simulator.close();
      await store.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function openMember(at: {
  cwd: string;
  port: number;
  env: Record<string, string>;
}): Promise<Member> {
  const { cwd, port, env } = at;
  const origin = `http://127.0.0.1:${port}`;
  const printed: string[] = [];
  const launch = async (): Promise<ServerProcess> => {
    const started = startProcess({ cwd, env });
    await ready(started, origin);
    return started;
  };
  let server = await launch();
  const kill = async () => {
    server.child.kill('SIGKILL');
    await server.exited;
  };
  return {
    ...{ origin, kill, folder: cwd },
    ask: askingAt(origin),
    isReady: async () => (await call(`${origin}/readyz`, '')).status === 200,
    stop: () => server.stop(),
    start: async () => {
      printed.push(server.output());
      server = await launch();
    },
    pause: () => void server.child.kill('SIGSTOP'),
    resume: () => void server.child.kill('SIGCONT'),
    events: async (name) => {
      const { body } = await call(`${origin}/metrics`, '');
      const line = new RegExp(`^fullscript_grant_events_total\\{event="${name}"\\} (\\d+)`, 'm');
      return Number(line.exec(body)?.[1] ?? 0);
    },
    output: () => [...printed, server.output()].join(''),
  };
}
