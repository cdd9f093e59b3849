/**
 * One authorization server and resource API for everything that is measured, in the dialect of
 * OpenID Connect and in Fullscript's. It does as little as it can for a call, so that what is measured
 * is what stands before it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createProvider } from './provider.js';
import { createRoutes, notFound } from './routes.js';

const server = createServer();
// Longer than any client keeps a connection: the end that closes first must not be this one, or a
// request that is on its way then fails.
server.keepAliveTimeout = 120_000;

server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  const routes = createRoutes(createProvider(`http://127.0.0.1:${port}`));
  server.on('request', (request, response) => {
    const url = request.url ?? '/';
    const end = url.indexOf('?');
    const path = end === -1 ? url : url.slice(0, end);
    const answer = routes.get(`${request.method ?? ''} ${path}`);
    if (answer === undefined) {
      notFound(response);
      return;
    }
    // The only thing that can fail is reading a body whose sender is gone.
    Promise.resolve(answer(request, response)).catch(() => response.destroy());
  });
  process.stdout.write(`listening ${port}\n`);
});

process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
