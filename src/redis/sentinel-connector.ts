import { AbstractConnector, type Redis, type SentinelAddress, SentinelConnector } from 'ioredis';
import { connectionError } from './connection-error.js';
import { RedisConnector, serverName } from './connector.js';
import { gatherWrites } from './gather-writes.js';

/** Of ioredis's own connector, with the two parts that it has no option for. */
interface Replaceable extends AbstractConnector {
  connect(
    ...args: Parameters<AbstractConnector['connect']>
  ): ReturnType<AbstractConnector['connect']>;
  connectToSentinel(endpoint: Partial<SentinelAddress>, options?: object): Redis;
  /** Asks a sentinel. The master's address becomes the options of the connection to it. */
  resolve(endpoint: Partial<SentinelAddress>): Promise<{ host: string; port: number } | null>;
}

const Base = SentinelConnector as unknown as new (options: unknown) => Replaceable;

/**
 * Connects to the master that the sentinels name, as ioredis's own connector does, and comes back after each
 * loss. Left to itself it listens for fail-overs over the loss: word of one that comes while it asks the
 * sentinels for the new master ends the attempt, and with it the client, for good. Over TLS it sends neither
 * sentinels nor master their names, and it does not say why a sentinel cannot be reached.
 *
 * A class, because ioredis asks for one.
 */
export class PersistentSentinelConnector extends Base {
  private asked: { failure?: Error } = {};

  override async connect(
    ...args: Parameters<AbstractConnector['connect']>
  ): ReturnType<AbstractConnector['connect']> {
    // The sentinels are asked anew, and listened to again once there is a connection.
    this.disconnect();
    const stream = await super.connect(...args);
    gatherWrites(stream);
    // ioredis listens for one error; TLS may tell of a second, which would end the process.
    stream.on('error', ignore);
    return stream;
  }

  override connectToSentinel(endpoint: Partial<SentinelAddress>, options?: object): Redis {
    const { asked } = this;
    const sentinel = super.connectToSentinel(endpoint, { ...options, Connector: RedisConnector });
    return sentinel.on('error', (error: Error) => {
      asked.failure = error;
    });
  }

  override async resolve(endpoint: Partial<SentinelAddress>) {
    const asked: { failure?: Error } = {};
    this.asked = asked;
    try {
      const master = await super.resolve(endpoint);
      return master && { ...master, ...serverName(master.host) };
    } catch (error) {
      throw connectionError(asked.failure ?? (error as Error)) ?? error;
    }
  }
}

function ignore(): void {
  // Told by ioredis's own listener.
}
