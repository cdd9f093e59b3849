import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from './certificates.js';
import { freePorts } from './free-ports.js';
import { type TestRedis, startRedis } from './redis-server.js';

export interface TcpRedis extends TestRedis {
  readonly port: number;
}

interface Options {
  readonly args?: readonly string[];
}

/** One server that listens on a port of 127.0.0.1. */
export async function startTcpRedis({ args = [] }: Options = {}): Promise<TcpRedis> {
  const [port = 0] = await freePorts(1);
  const listening = ['--port', String(port), '--bind', '127.0.0.1'];
  const redis = await startRedis({ args: [...listening, ...args] });
  return { ...redis, port, url: `redis://127.0.0.1:${port}` };
}

/** The same with TLS, and with a certificate of an authority that nobody knows. */
export async function startTlsRedis({ args = [] }: Options = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'fc-tls-'));
  const authority = createAuthority();
  const { certificate, key } = authority.issue();
  const paths = {
    authority: join(folder, 'authority.pem'),
    certificate: join(folder, 'redis.pem'),
    key: join(folder, 'redis.key'),
  };
  await writeFile(paths.authority, authority.certificate);
  await writeFile(paths.certificate, certificate);
  await writeFile(paths.key, key, { mode: 0o600 });
  const [port = 0] = await freePorts(1);
  const redis = await startRedis({
    args: [
      ...['--tls-port', String(port), '--bind', '127.0.0.1', '--tls-auth-clients', 'no'],
      ...['--tls-cert-file', paths.certificate, '--tls-key-file', paths.key],
      ...args,
    ],
  });
  return {
    ...redis,
    port,
    url: `rediss://127.0.0.1:${port}`,
    /** The file for NODE_EXTRA_CA_CERTS. */
    authorityFile: paths.authority,
    stop: async () => {
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
