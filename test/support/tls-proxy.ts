import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { createAuthority } from './certificates.js';

/** Ends TLS in front of a server on this machine, as a proxy in production does. */
export async function startTlsProxy(ports: { from: number; to: number }) {
  const { certificate, key } = createAuthority().issue();
  const server = createServer({ cert: certificate, key }, (req, res) => {
    const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' };
    const options = { host: '127.0.0.1', port: ports.to, path: req.url, method: req.method };
    const inner = request({ ...options, headers: { ...req.headers, ...forwarded } }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    inner.on('error', () => res.destroy());
    req.pipe(inner);
  });
  server.listen(ports.from, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `https://127.0.0.1:${ports.from}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
