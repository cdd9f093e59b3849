import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What the process is about to do. */
export interface Lifecycle {
  draining: boolean;
}

/** Between the signal and the end of listening, unless something else is said. */
const NOTICE_MS = 500;
/** Requests that are still running so long after the signal are cut off. */
const DRAIN_MS = 20_000;
/** The rest of a request that has begun to come gets so long. */
const HALF_SENT_MS = 2_000;

/**
 * Connections that may wait to be accepted, as far as the system allows (`net.core.somaxconn`). With Node's 511, a thousand that come at
 * once are left to try again after one second, then three, seven, fifteen.
 */
const BACKLOG = 4_096;

/** Four times what is accepted: a request that is read can be answered with a page that helps. */
const MAX_HEADER_SIZE = 65_536;

/** A server that listens. */
export interface Listening {
  /** As a URL. */
  readonly address: string;
  /**
   * Lets requests finish and ends. Balancers learn from `/readyz` and from `Connection: close` to go elsewhere,
   * and get `noticeMs` to do so: closing at once resets connections that were made but not accepted yet. The rest
   * of a request that has begun to come gets `halfSentMs` more.
   */
  readonly drain: (noticeMs?: number, halfSentMs?: number) => Promise<void>;
}

/**
 * Listens, and answers with `Connection: close` once the end has been announced.
 *
 * @param prepare is given the server before it listens.
 */
export async function listen(
  app: RequestListener,
  at: { host: string; port: number; prepare?: (server: Server) => void },
  lifecycle: Lifecycle,
): Promise<Listening> {
  const server = createServer({ maxHeaderSize: MAX_HEADER_SIZE }, (req, res) => {
    if (lifecycle.draining) res.setHeader('Connection', 'close');
    app(req, res);
  });
  // Longer than the idle time of common load balancers, so that it is they who close.
  server.keepAliveTimeout = 65_000;
  const connections = watchConnections(server);
  at.prepare?.(server);
  server.listen({ port: at.port, host: at.host, backlog: BACKLOG });
  await once(server, 'listening');
  return {
    address: addressOf(server, at),
    drain: async (noticeMs = NOTICE_MS, halfSentMs = HALF_SENT_MS) => {
      lifecycle.draining = true;
      await wait(noticeMs);
      await end(server, connections, halfSentMs);
    },
  };
}

function addressOf(server: Server, { host }: { host: string }): string {
  const { port } = server.address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function end(server: Server, connections: Connections, halfSentMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const since = performance.now();
  // Connections fall idle one by one as their last answer goes out; nothing else would close them.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
    connections.closeUnused({ halfSent: performance.now() - since > halfSentMs });
  }, 50);
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

interface Connections {
  /** Closes those over which nothing has come yet; with `halfSent` also those that wait for the rest of a request. */
  readonly closeUnused: (also: { halfSent: boolean }) => void;
}

/** Node calls a connection idle only when a request has been answered over it. */
function watchConnections(server: Server): Connections {
  const requests = new Map<Socket, number>();
  server.on('connection', (socket: Socket) => {
    requests.set(socket, 0);
    socket.once('close', () => requests.delete(socket));
  });
  server.on('request', ({ socket }, res) => {
    const add = (one: number) => {
      const running = requests.get(socket);
      if (running !== undefined) requests.set(socket, running + one);
    };
    add(1);
    res.once('close', () => add(-1));
  });
  return {
    closeUnused: ({ halfSent }) => {
      const unused = [...requests].filter(([, running]) => running === 0);
      for (const [socket] of unused) if (halfSent || socket.bytesRead === 0) socket.destroy();
    },
  };
}
