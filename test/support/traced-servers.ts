import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { environment, freePort } from './app.js';
import { createBrowser } from './browser.js';
import { type Collector, startCollector } from './collector.js';
import { type ServerProcess, ready, startProcess } from './process.js';
import { openWorld } from './world.js';

/** Somewhere for server processes to run, and a collector for their traces. */
export async function openTracedServers() {
  const [world, collector] = await Promise.all([openWorld(), startCollector()]);
  const { redis, simulator } = world;
  const collectors: Collector[] = [collector];
  const running: ServerProcess[] = [];
  const mute: Server[] = [];
  return {
    ...{ simulator, collector },
    toCollector: exportingTo(collector),
    /** One more collector, for a server of its own. */
    openCollector: async () => {
      const own = await startCollector();
      collectors.push(own);
      return { ...own, toCollector: exportingTo(own) };
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
    /** The address of a server that listens and never answers. */
    silent: async () => {
      const server = createServer().listen(0, '127.0.0.1');
      mute.push(server);
      await once(server, 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    close: async () => {
      for (const server of mute) server.close().closeAllConnections();
      await Promise.all(running.map((server) => server.stop()));
      await Promise.all(collectors.map((one) => one.close()));
      await world.close();
    },
  };
}

/** Has a server export to a collector in words that it understands. */
function exportingTo({ url }: Collector) {
  return { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
}

export type TracedServers = Awaited<ReturnType<typeof openTracedServers>>;
