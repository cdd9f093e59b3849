import { StoreUnavailableError } from '../grants/errors.js';
import type { RedisClient } from './client.js';
import type { Installation } from './installation.js';

export interface InstallationGuardDeps {
  readonly client: RedisClient;
  readonly installation: Pick<Installation, 'enter'>;
  /** Told once, when the store turns out to be another installation's after the start. */
  readonly onForeign: (error: Error) => void;
  /** Until a store is looked at again that did not answer. */
  readonly againMs?: number;
}

export interface InstallationGuard {
  readonly close: () => void;
}

const AGAIN_MS = 1_000;

/**
 * Sees to it that the store is this installation's: at start, and with each new connection, behind which there
 * may be another server than before. A store that does not answer, or takes no writes, is looked at again:
 * it is no reason not to start.
 *
 * @throws ForeignStoreError at start.
 */
export async function guardInstallation(deps: InstallationGuardDeps): Promise<InstallationGuard> {
  const { client, installation, onForeign, againMs = AGAIN_MS } = deps;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  async function look(): Promise<void> {
    clearTimeout(retry);
    try {
      await installation.enter();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      // Without a connection there is a look as soon as there is one.
      if (!closed && client.status === 'ready') retry = setTimeout(lookLater, againMs).unref();
    }
  }

  function lookLater(): void {
    look().catch((error: unknown) => {
      if (closed) return;
      close();
      onForeign(error as Error);
    });
  }

  function close(): void {
    closed = true;
    clearTimeout(retry);
    client.off('ready', lookLater);
  }

  await look();
  client.on('ready', lookLater);
  return { close };
}
