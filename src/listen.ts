import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What the process is about to do. */
export interface Lifecycle {
  draining: boolean;
}

/** Between the signal and the end of listening, unless something else is said. */
const NOTICE_MS = 500;
/** Requests that are still running so long after the signal are cut off. */
const DRAIN_MS = 20_000;

/** Listens, and answers with `Connection: close` once the end has been announced. */
export async function listen(
  app: RequestListener,
  { host, port }: { host: string; port: number },
  lifecycle: Lifecycle,
): Promise<Server> {
  const server = createServer((req, res) => {
    if (lifecycle.draining) res.setHeader('Connection', 'close');
    app(req, res);
  });
  // Longer than the idle time of common load balancers, so that it is they who close.
  server.keepAliveTimeout = 65_000;
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

/** Where a server listens, as a URL. */
export function addressOf(server: Server, { host }: { host: string }): string {
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Balancers learn from `/readyz` and from `Connection: close` to go elsewhere, and get a moment to do
 * so: closing at once resets connections that were made but not accepted yet.
 */
export async function drain(
  server: Server,
  lifecycle: Lifecycle,
  noticeMs = NOTICE_MS,
): Promise<void> {
  lifecycle.draining = true;
  await wait(noticeMs);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Connections fall idle one by one as their last answer goes out; nobody else would close them.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, 50);
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
