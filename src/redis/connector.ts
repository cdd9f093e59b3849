import { type NetConnectOpts, createConnection, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { gatherWrites } from './gather-writes.js';

/** Where to connect, of all the options of a client. */
type Where = Pick<RedisOptions, 'path' | 'host' | 'port' | 'family' | 'tls' | 'disconnectTimeout'>;

/**
 * Connects to a single server or a node of a cluster, as ioredis's own connector does, but listens for
 * errors as long as the socket lives. ioredis listens for one; TLS tells of a second when the first was
 * that the certificate is not trusted, and that would end the process.
 *
 * A class, because ioredis asks for one.
 */
export class RedisConnector extends AbstractConnector {
  private readonly options: Where;

  /** @param options all options of the client; ioredis does not say so. */
  constructor(options: unknown) {
    const where = options as Where;
    super(where.disconnectTimeout ?? 0);
    this.options = where;
  }

  override check(): boolean {
    return true;
  }

  connect(): ReturnType<AbstractConnector['connect']> {
    this.connecting = true;
    return new Promise((resolve, reject) => {
      process.nextTick(() => {
        if (!this.connecting) {
          reject(new Error('Connection is closed.'));
          return;
        }
        this.stream = open(this.options);
        gatherWrites(this.stream);
        this.stream.on('error', (error: Error) => {
          this.firstError ??= error;
        });
        resolve(this.stream);
      });
    });
  }
}

function open({ path, host, port, family, tls }: Where) {
  const address = (path ? { path } : { host, port, family }) as NetConnectOpts;
  if (tls === undefined) return createConnection(address);
  return connectTls({ ...address, ...serverName(host), ...tls });
}

/**
 * The name for a server that picks its certificate by it; Node sends none by itself. Addresses are not
 * sent.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6066.html#section-3
 */
export function serverName(host = ''): { readonly servername?: string } {
  return host === '' || isIP(host) !== 0 ? {} : { servername: host };
}
