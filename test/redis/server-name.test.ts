import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, createConnection } from 'node:net';
import { type TLSSocket, createSecureContext, createServer } from 'node:tls';
import { Redis } from 'ioredis';
import { connectCluster } from '../../src/redis/cluster.js';
import { RedisConnector } from '../../src/redis/connector.js';
import { PersistentSentinelConnector } from '../../src/redis/sentinel-connector.js';
import { createAuthority } from '../support/certificates.js';
import { until } from '../support/until.js';
import { type FakeServer, bulk, startFakeServer } from './fake-server.js';

const INFO = bulk('redis_version:7.2.6\r\nrole:master\r\n');

const { certificate: ca, issue } = createAuthority();
const ends: (() => unknown)[] = [];
let port: number;
/** Without a name a connection gets no certificate, as at an endpoint that serves several names. */
const names: unknown[] = [];
let fake: FakeServer;

beforeEach(async () => {
  names.length = 0;
  fake = await startFakeServer(([name, sub = '']) => {
    if (name === 'INFO') return INFO;
    if (name === 'SENTINEL')
      return sub === 'sentinels' ? '*0\r\n' : array(bulk('localhost'), portOf());
    if (name === 'CLUSTER') return slots();
    return '+OK\r\n';
  });
  ends.push(() => fake.stop());
  port = await startEndpoint(fake.url.replace('unix://', ''));
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const array = (...parts: string[]) => `*${parts.length}\r\n${parts.join('')}`;
const portOf = () => bulk(String(port));
const slots = () =>
  array(array(':0\r\n', ':16383\r\n', array(bulk('localhost'), `:${port}\r\n`, bulk('id'))));

/** TLS in front of a socket, with a certificate for those that name the server. */
async function startEndpoint(path: string): Promise<number> {
  const { certificate: cert, key } = issue();
  const server = createServer({
    SNICallback: (_name, done) => done(null, createSecureContext({ cert, key })),
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    names.push(socket.servername);
    socket.on('error', () => undefined);
    socket.pipe(createConnection(path).on('error', () => undefined)).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function opened(client: { disconnect: () => void; status: string }) {
  ends.push(() => client.disconnect());
  return until(() => client.status === 'ready');
}

const options = { protocol: 2 as const, retryStrategy: null };

describe('an endpoint that picks its certificate by name', () => {
  it('single server, named → the name is sent', async () => {
    const client = new Redis({
      ...{ ...options, Connector: RedisConnector, host: 'localhost', port, family: 4, tls: { ca } },
    });
    await opened(client.on('error', () => undefined));
    expect(names).toEqual(['localhost']);
  });

  it('named by address → no name is sent, for an address is none', async () => {
    const errors: Error[] = [];
    const client = new Redis({
      ...{ ...options, Connector: RedisConnector, host: '127.0.0.1', port, tls: { ca } },
    });
    ends.push(() => client.disconnect());
    client.on('error', (error) => errors.push(error));
    await until(() => errors.length > 0);
    expect(names).toEqual([]);
  });

  it('sentinels, and the master that they name → each is sent its name', async () => {
    const client = new Redis({
      ...{
        ...options,
        Connector: PersistentSentinelConnector,
        name: 'main',
        failoverDetector: true,
      },
      ...{ sentinels: [{ host: 'localhost', port, family: 4 }], family: 4 },
      ...{ enableTLSForSentinelMode: true, tls: { ca }, sentinelTLS: { ca } },
    });
    await opened(client.on('error', () => undefined));
    // Asked, the master, and listened to.
    await until(() => names.length === 3);
    expect(new Set(names)).toEqual(new Set(['localhost']));
  });

  it('cluster, every node → the name is sent', async () => {
    const client = connectCluster({
      address: { kind: 'cluster', nodes: [{ host: 'localhost', port }], tls: true },
      ...{ commandTimeoutMs: 500, retryDelay: () => 50 },
      redisOptions: { Connector: RedisConnector, protocol: 2, family: 4, tls: { ca } },
    });
    client.on('error', () => undefined);
    await opened(client);
    expect(new Set(names)).toEqual(new Set(['localhost']));
  });

  it('sentinel with a certificate that is not trusted → says why it is left', async () => {
    const told: string[] = [];
    const client = new Redis({
      ...{ ...options, Connector: PersistentSentinelConnector, name: 'main' },
      ...{ sentinels: [{ host: 'localhost', port, family: 4 }], family: 4 },
      ...{ enableTLSForSentinelMode: true, tls: {}, sentinelTLS: {} },
    });
    ends.push(() => client.disconnect());
    client.on('error', () => undefined);
    client.on('sentinelError', ({ message }: Error) => told.push(message));
    await until(() => told.length > 0);
    expect(told[0]).toMatch(/sentinel localhost:\d+ because .*not trusted.*NODE_EXTRA_CA_CERTS/);
  });
});
