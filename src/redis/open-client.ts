import type { StoreUnavailableError } from '../grants/errors.js';
import { type RedisClient, closeRedis, connectRedis, waitUntilReady } from './client.js';
import { startEmbeddedRedis } from './embedded-server.js';
import type { StoreAddress } from './store-url.js';

/** The store as a command of its own process has it. */
export interface OpenClient {
  readonly client: RedisClient;
  /** For further connections. */
  readonly address: StoreAddress;
  /** Why the store failed, in words for people. */
  readonly reasonOf: (error: StoreUnavailableError) => string;
  /** One more connection to the same, for commands that take longer; whoever opens it closes it. */
  readonly openAnother: (commandTimeoutMs: number) => RedisClient;
  readonly close: () => Promise<void>;
}

interface OpenDeps {
  readonly config: {
    readonly store: StoreAddress | 'embedded';
    readonly storePrefix?: string | undefined;
    readonly dataDir: string;
  };
  readonly say: (text: string) => void;
  /** For the first connection; after it commands fail one by one. */
  readonly readyWaitMs?: number | undefined;
}

const READY_WAIT_MS = 5_000;

/**
 * The store that the configuration names. Of the embedded one, the running server's is shared, and one
 * is started where no server runs.
 *
 * @param deps.say told once why the store cannot be reached.
 * @returns undefined when everything lives in the memory of a server, where nobody else sees it.
 */
export async function openClient(deps: OpenDeps): Promise<OpenClient | undefined> {
  const { config, say } = deps;
  if (config.store !== 'embedded') return connect(config.store, deps);
  const embedded = await startEmbeddedRedis({
    dataDir: config.dataDir,
    prefix: config.storePrefix,
    log: say,
  });
  if (embedded === undefined) return undefined;
  const opened = await connect(embedded.address, deps);
  const close = async () => {
    await opened.close();
    await embedded.close();
  };
  return { ...opened, close };
}

async function connect(
  address: StoreAddress,
  { say, readyWaitMs = READY_WAIT_MS }: Pick<OpenDeps, 'say' | 'readyWaitMs'>,
): Promise<OpenClient> {
  let problem = 'no answer';
  const onError = ({ message }: Error) => {
    if (message !== problem) say(`Redis: ${message}`);
    problem = message;
  };
  const client = connectRedis(address, { onError });
  await waitUntilReady(client, readyWaitMs);
  return {
    ...{ client, address },
    reasonOf: ({ message, cause }) => {
      // What a command says then is that there is no connection; why, the connection has said.
      if (client.status !== 'ready') return `Redis cannot be reached: ${problem}`;
      return cause instanceof Error ? `${message}: ${cause.message}` : message;
    },
    openAnother: (commandTimeoutMs) => connectRedis(address, { commandTimeoutMs, onError }),
    close: () => closeRedis(client),
  };
}
