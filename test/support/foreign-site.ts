import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Somebody else's site, without any policy. Its pages are named by their path; what is not among them
 * is a script that leaves a mark, and every request is noted.
 */
export async function startForeignSite(pages: Record<string, string> = {}) {
  const served = new Map(Object.entries(pages));
  const asked: string[] = [];
  const server = createServer((req, res) => {
    const path = req.url ?? '/';
    asked.push(path);
    const body = served.get(path);
    if (body === undefined) {
      res.setHeader('Content-Type', 'text/javascript');
      res.end('window.marks = [...(window.marks ?? []), "foreign script"];');
      return;
    }
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.end(`<!doctype html><title>Elsewhere</title><body>${body}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    /** For a browser another site than 127.0.0.1. */
    crossSite: `http://localhost:${port}`,
    /** The same site as everything on 127.0.0.1, and another origin. */
    sameSite: `http://127.0.0.1:${port}`,
    asked,
    put: (path: string, body: string) => served.set(path, body),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type ForeignSite = Awaited<ReturnType<typeof startForeignSite>>;
