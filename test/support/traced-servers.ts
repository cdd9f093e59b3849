import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startSimulator } from '../../src/simulator/simulator.js';
import { environment, freePort } from './app.js';
import { createBrowser } from './browser.js';
import { startCollector } from './collector.js';
import { type ServerProcess, ready, startProcess } from './process.js';
import { startRedis } from './redis-server.js';

/** Somewhere for server processes to run, and a collector for their traces. */
export async function openTracedServers() {
  const parts = [startRedis(), startSimulator(), startCollector()] as const;
  const [redis, simulator, collector] = await Promise.all(parts);
  const running: ServerProcess[] = [];
  const mute: Server[] = [];
  return {
    ...{ simulator, collector },
    /** Has a server export to the collector in words that the collector understands. */
    toCollector: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    },
    /** Its end has it send what it has. */
    start: async (env: Record<string, string>) => {
      const port = await freePort();
      const base = environment({ simulator, redisUrl: redis.url, port });
      const server = startProcess({ cwd: base.DATA_DIR, env: { ...base, ...env } });
      running.push(server);
      await ready(server, base.BASE_URL);
      return { ...server, browser: createBrowser(base.BASE_URL) };
    },
    /** The address of somebody who listens and never answers. */
    silent: async () => {
      const server = createServer().listen(0, '127.0.0.1');
      mute.push(server);
      await once(server, 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    close: async () => {
      for (const server of mute) server.close().closeAllConnections();
      await Promise.all(running.map((server) => server.stop()));
      await Promise.all([simulator.close(), collector.close()]);
      await redis.stop();
    },
  };
}

export type TracedServers = Awaited<ReturnType<typeof openTracedServers>>;
