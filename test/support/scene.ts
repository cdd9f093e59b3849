import type { Redis } from 'ioredis';
import { closeRedis } from '../../src/redis/client.js';
import type { ServerOptions } from '../../src/server.js';
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/simulator/simulator.js';
import { environment, freePort, startApp } from './app.js';
import { type Browser, createBrowser } from './browser.js';
import { connectTo } from './contract.js';
import { type TestRedis, startRedis } from './redis-server.js';

export type App = Awaited<ReturnType<typeof startApp>> & {
  /** Where it listens, whatever BASE_URL says. */
  readonly local: string;
};

/** A Redis, a simulator, and any number of apps on them: all that a statement happens in. */
export interface Scene {
  readonly redis: TestRedis;
  /** To look at what is stored, and to change it. */
  readonly stored: Redis;
  readonly simulator: Simulator;
  /** Starts an app; variables override what every app here has. */
  readonly open: (
    extra?: Record<string, string> | ((port: number) => Record<string, string>),
    options?: ServerOptions,
  ) => Promise<App>;
  readonly close: () => Promise<void>;
}

/** Suites send many requests from one address; limits have statements of their own. */
const UNLIMITED = { RATE_LIMIT_OAUTH: '0', RATE_LIMIT_API: '0', RATE_LIMIT_ADDRESS: '0' };

export async function openScene(options: { simulator?: SimulatorOptions } = {}): Promise<Scene> {
  const [redis, simulator] = await Promise.all([startRedis(), startSimulator(options.simulator)]);
  const stored = (await connectTo(redis)) as Redis;
  const ends: (() => Promise<void>)[] = [];
  return {
    ...{ redis, stored, simulator },
    open: async (extra = {}, serverOptions = {}) => {
      const port = await freePort();
      const own = typeof extra === 'function' ? extra(port) : extra;
      const env = { ...environment({ simulator, redisUrl: redis.url, port }), ...UNLIMITED };
      const app = await startApp({ ...env, ...own }, serverOptions);
      let closing: Promise<void> | undefined;
      const close = () => (closing ??= app.close());
      ends.push(close);
      return { ...app, close, local: `http://127.0.0.1:${port}` };
    },
    close: async () => {
      await Promise.all(ends.map((end) => end()));
      await closeRedis(stored);
      await Promise.all([simulator.close(), redis.stop()]);
    },
  };
}

/** Somebody else with the same cookies, at the same app or at another one. */
export function copyOf(browser: Browser, origin: string): Browser {
  const copy = createBrowser(origin);
  for (const [name, value] of browser.cookies) copy.cookies.set(name, value);
  return copy;
}

export interface SessionAnswer {
  readonly signedIn: boolean;
  readonly resourceOwner?: { readonly id: string; readonly type: string };
  readonly status?: string;
  readonly scope?: readonly string[];
  readonly expiresAt?: string | null;
}

export const sessionOf = (browser: Browser) => browser.json<SessionAnswer>('/api/session');

/** What a proxy that ends TLS says of each request. */
export const PROXIED = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' };

/** For an app behind it; Fullscript still sends the browser to where the app listens. */
export const behindProxy = (port: number) => ({
  BASE_URL: 'https://portal.example.test',
  FULLSCRIPT_REDIRECT_URI: `http://127.0.0.1:${port}/oauth/callback`,
  TRUST_PROXY: '1',
});
