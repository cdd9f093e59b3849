import type { Redis } from 'ioredis';
import { closeRedis } from '../../src/redis/client.js';
import { pendingKey, sessionKey } from '../../src/redis/keys.js';
import type { ServerOptions } from '../../src/server.js';
import {
  type RecordedRequest,
  type Simulator,
  startSimulator,
} from '../../src/simulator/simulator.js';
import { environment, freePort, startApp } from './app.js';
import { type Browser, createBrowser } from './browser.js';
import { connectTo } from './contract.js';
import { type TestRedis, startRedis } from './redis-server.js';

export { ask, authorizationOf } from './requests.js';

type App = Awaited<ReturnType<typeof startApp>>;

/** One app, its Redis, and the simulator it takes for Fullscript. */
export interface Site extends App {
  readonly simulator: Simulator;
  readonly redis: TestRedis;
  /** A client of that Redis. */
  readonly client: Redis;
  /** What the app was started with; for a second one beside it. */
  readonly env: Record<string, string>;
  readonly browser: () => Browser;
  /** Sign-ins that are under way, and what is remembered of finished ones. */
  readonly pending: () => Promise<string[]>;
  /** All sessions as they are stored, by key. */
  readonly sessions: () => Promise<Record<string, string | null>>;
  /** What the token endpoint was sent. */
  readonly tokenCalls: () => RecordedRequest[];
}

/** Limits have tests of their own; here they would count the tests. */
const NO_LIMITS = { RATE_LIMIT_OAUTH: '0', RATE_LIMIT_API: '0', RATE_LIMIT_ADDRESS: '0' };

/** Starts all three. `extra` are further variables, or makes them of the app's port. */
export async function openSite(
  extra: Record<string, string> | ((port: number) => Record<string, string>) = {},
  options: ServerOptions = {},
): Promise<Site> {
  const [redis, simulator] = await Promise.all([startRedis(), startSimulator()]);
  const client = (await connectTo(redis)) as Redis;
  const port = await freePort();
  const own = typeof extra === 'function' ? extra(port) : extra;
  const env = { ...environment({ simulator, redisUrl: redis.url, port }), ...NO_LIMITS, ...own };
  const app = await startApp(env, options);
  const keys = async (pattern: string) => (await client.keys(pattern)).sort();
  return {
    ...app,
    ...{ simulator, redis, client, env },
    browser: () => createBrowser(app.origin),
    pending: () => keys(pendingKey('*')),
    sessions: async () => {
      const found = await keys(sessionKey('*'));
      const values = await Promise.all(found.map((key) => client.get(key)));
      return Object.fromEntries(found.map((key, i) => [key, values[i] ?? null]));
    },
    tokenCalls: () => simulator.requests.filter(({ path }) => path.endsWith('/oauth/token')),
    close: async () => {
      await app.close();
      await simulator.close();
      await closeRedis(client);
      await redis.stop();
    },
  };
}
