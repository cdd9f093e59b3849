import { type SentinelConnectionOptions, SentinelConnector } from 'ioredis';
import { gatherWrites } from './gather-writes.js';

/**
 * Connects to the master that the sentinels name, as ioredis's own connector does, and comes back after each
 * loss. Left to itself it listens for fail-overs over the loss: word of one that comes while it asks the
 * sentinels for the new master ends the attempt, and with it the client, for good.
 *
 * A class, because ioredis asks for one.
 */
export class PersistentSentinelConnector extends SentinelConnector {
  /** @param options all options of the client; ioredis does not say so. */
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
  }

  override async connect(
    ...args: Parameters<SentinelConnector['connect']>
  ): ReturnType<SentinelConnector['connect']> {
    // The sentinels are asked anew, and listened to again once there is a connection.
    this.disconnect();
    const stream = await super.connect(...args);
    gatherWrites(stream);
    // ioredis listens for one error; TLS may tell of a second, which would end the process.
    stream.on('error', ignore);
    return stream;
  }
}

function ignore(): void {
  // Told by ioredis's own listener.
}
