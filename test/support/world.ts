import type { Redis } from 'ioredis';
import { closeRedis } from '../../src/redis/client.js';
import { pendingKey, sessionKey } from './keys.js';
import type { ServerOptions } from '../../src/server.js';
import {
  type RecordedRequest,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/simulator/simulator.js';
import { environment, freePort, startApp } from './app.js';
import { type Browser, createBrowser } from './browser.js';
import { connectTo } from './contract.js';
import { type TestRedis, type TestRedisOptions, startRedis } from './redis-server.js';
import { type Database, openDatabase } from './shared-redis.js';

/** Variables of a server, or what makes them of its port. */
export type Variables = Record<string, string> | ((port: number) => Record<string, string>);

export interface WorldOptions {
  readonly simulator?: SimulatorOptions;
}

/** A store, a simulator that is taken for Fullscript, and any number of servers on them. */
export interface World<Store = Database> {
  readonly redis: Store;
  /** A client of that Redis: to look at what is stored, and to change it. */
  readonly stored: Redis;
  readonly simulator: Simulator;
  /** Starts a server in this process; `variables` override what every server here has. */
  readonly start: (variables?: Variables, options?: ServerOptions) => Promise<App>;
  /** Sign-ins that are under way, and what is remembered of finished ones. */
  readonly pending: () => Promise<string[]>;
  /** All sessions as they are stored, by key. */
  readonly sessions: () => Promise<Record<string, string | null>>;
  /** What the token endpoint was sent. */
  readonly tokenCalls: () => RecordedRequest[];
  /** Ends the servers and everything else. */
  readonly close: () => Promise<void>;
}

/** A server of a world. */
export interface App {
  /** Where browsers find it: BASE_URL. */
  readonly origin: string;
  /** Where it listens, whatever BASE_URL says. */
  readonly local: string;
  /** What it was started with; for a second one beside it. */
  readonly env: Record<string, string>;
  /** Its log. */
  readonly lines: string[];
  /** The log, line by line, as a program reads it. */
  readonly records: () => Record<string, unknown>[];
  /** A visitor at `local`, with cookies of its own. */
  readonly browser: (always?: Record<string, string>) => Browser;
  readonly close: () => Promise<void>;
}

/** Suites send many requests from one address: limits are off unless a test sets these variables anew. */
const UNLIMITED = { RATE_LIMIT_OAUTH: '0', RATE_LIMIT_API: '0', RATE_LIMIT_ADDRESS: '0' };
/** For a server whose limits are the usual ones. */
export const LIMITED = { RATE_LIMIT_OAUTH: '', RATE_LIMIT_API: '', RATE_LIMIT_ADDRESS: '' };

/** A world with an empty database in the Redis of the run. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  return await worldOn(await openDatabase(), options);
}

/**
 * A world whose Redis is its own: for what stops, freezes or configures it, counts its commands, or listens
 * to its channels, which all databases of a Redis share.
 */
export async function openWorldWithRedis(
  options: WorldOptions & TestRedisOptions = {},
): Promise<World<TestRedis>> {
  return await worldOn(await startRedis(options), options);
}

async function worldOn<Store extends Database | TestRedis>(
  redis: Store,
  options: WorldOptions,
): Promise<World<Store>> {
  const simulator = await startSimulator(options.simulator);
  const stored = (await connectTo(redis)) as Redis;
  const ends: (() => Promise<void>)[] = [];
  const keys = async (pattern: string) => (await stored.keys(pattern)).sort();
  return {
    ...{ redis, stored, simulator },
    start: async (variables = {}, serverOptions = {}) => {
      const app = await openApp({ redis, simulator, variables, serverOptions });
      ends.push(app.close);
      return app;
    },
    pending: () => keys(pendingKey('*')),
    sessions: async () => {
      const found = await keys(sessionKey('*'));
      const values = await Promise.all(found.map((key) => stored.get(key)));
      return Object.fromEntries(found.map((key, i) => [key, values[i] ?? null]));
    },
    tokenCalls: () => simulator.requests.filter(({ path }) => path.endsWith('/oauth/token')),
    close: async () => {
      await Promise.all(ends.map((end) => end()));
      await closeRedis(stored);
      await Promise.all([simulator.close(), redis.stop()]);
    },
  };
}

async function openApp(parts: {
  redis: { readonly url: string };
  simulator: Simulator;
  variables: Variables;
  serverOptions: ServerOptions;
}): Promise<App> {
  const { redis, simulator, variables } = parts;
  const port = await freePort();
  const own = typeof variables === 'function' ? variables(port) : variables;
  const env = { ...environment({ simulator, redisUrl: redis.url, port }), ...UNLIMITED, ...own };
  const { origin, lines, ...app } = await startApp(env, parts.serverOptions);
  const local = `http://127.0.0.1:${port}`;
  let closing: Promise<void> | undefined;
  return {
    ...{ origin, local, env, lines },
    records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    browser: (always) => createBrowser(local, always),
    close: () => (closing ??= app.close()),
  };
}

/** What a proxy that ends TLS says of each request. */
export const PROXIED = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' };

/** For a server behind it; Fullscript still sends the browser to where the server listens. */
export const behindProxy = (port: number) => ({
  BASE_URL: 'https://portal.example.test',
  FULLSCRIPT_REDIRECT_URI: `http://127.0.0.1:${port}/oauth/callback`,
  TRUST_PROXY: '1',
});
