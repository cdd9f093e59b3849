import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/simulator/simulator.js';
import type { ServerOptions } from '../../src/server.js';
import { approve } from '../simulator/drive.js';
import { environment, freePort, startApp } from './app.js';
import { type Browser, createBrowser } from './browser.js';
import { startRedis } from './redis-server.js';

export interface OpenAppOptions {
  readonly env?: (port: number) => Record<string, string>;
  readonly simulator?: SimulatorOptions;
  readonly server?: ServerOptions;
}

/** A server with a Redis and a simulator of its own, and their end. */
export async function openApp(options: OpenAppOptions = {}) {
  const { env = () => ({}), server = {} } = options;
  const [redis, simulator] = await Promise.all([startRedis(), startSimulator(options.simulator)]);
  const port = await freePort();
  const local = `http://127.0.0.1:${port}`;
  const base = environment({ simulator, redisUrl: redis.url, port });
  const app = await startApp({ ...base, ...env(port) }, server);
  return {
    ...{ redis, simulator, local, port },
    env: { ...base, ...env(port) },
    lines: app.lines,
    /** The log, line by line, as a program reads it. */
    records: () => app.lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    browser: () => createBrowser(local),
    close: async () => {
      await app.close();
      await simulator.close();
      await redis.stop();
    },
  };
}

export type OpenApp = Awaited<ReturnType<typeof openApp>>;

/** From "connect" to the answer of Fullscript's authorize page, with more parameters on the way back. */
export async function callbackWith(
  browser: Browser,
  simulator: Simulator,
  more: Record<string, string> = {},
): Promise<string> {
  const { location } = await browser.send('/oauth/authorize');
  const person = simulator.people[0]!.id;
  const { pathname, searchParams } = new URL(
    await approve({ authorizeUrl: location ?? '', person }),
  );
  for (const [name, value] of Object.entries(more)) searchParams.set(name, value);
  return `${pathname}?${searchParams.toString()}`;
}
