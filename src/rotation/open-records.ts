import type { Config } from '../config.js';
import type { StoreUnavailableError } from '../grants/errors.js';
import type { GrantRecords } from '../grants/grant-records.js';
import { closeRedis, connectRedis, waitUntilReady } from '../redis/client.js';
import { startEmbeddedRedis } from '../redis/embedded-server.js';
import { createRedisGrantRecords } from '../redis/grant-records.js';
import type { StoreAddress } from '../redis/store-url.js';

export interface OpenRecords {
  readonly records: GrantRecords;
  /** Why the store failed, in words for people. */
  readonly reasonOf: (error: StoreUnavailableError) => string;
  readonly close: () => Promise<void>;
}

const READY_WAIT_MS = 5_000;

/**
 * The grants of the store that the configuration names. Of the embedded one, the running server's is
 * shared, and one is started where no server runs.
 *
 * @param deps.say told once why the store cannot be reached.
 * @returns undefined when grants live in the memory of a server, where nobody else sees them.
 */
export async function openRecords(deps: {
  config: Pick<Config, 'store' | 'dataDir'>;
  say: (text: string) => void;
}): Promise<OpenRecords | undefined> {
  const { config, say } = deps;
  if (config.store !== 'embedded') return connect(config.store, say);
  const embedded = await startEmbeddedRedis({ dataDir: config.dataDir, log: say });
  if (embedded === undefined) return undefined;
  const opened = await connect(embedded.address, say);
  const close = async () => {
    await opened.close();
    await embedded.close();
  };
  return { ...opened, close };
}

async function connect(address: StoreAddress, say: (text: string) => void): Promise<OpenRecords> {
  let problem = 'no answer';
  const onError = ({ message }: Error) => {
    if (message !== problem) say(`Redis: ${message}`);
    problem = message;
  };
  const client = connectRedis(address, { onError });
  await waitUntilReady(client, READY_WAIT_MS);
  return {
    records: createRedisGrantRecords(client),
    reasonOf: ({ message, cause }) => {
      // What a command says then is that there is no connection; why, the connection has said.
      if (client.status !== 'ready') return `Redis cannot be reached: ${problem}`;
      return cause instanceof Error ? `${message}: ${cause.message}` : message;
    },
    close: () => closeRedis(client),
  };
}
