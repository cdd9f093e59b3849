import { readConfig } from './environment.js';
import { currentRequestId } from './http/request-id.js';
import { createLogger } from './logger.js';
import { type RunningServer, startServer } from './server.js';

const EXIT_FAILURE = 1;

/** What Node adds to the error of a listen that failed. */
interface Listening {
  readonly address?: string;
  readonly port?: number;
}

async function main(): Promise<void> {
  const config = readConfig();
  const { logLevel: level, production } = config;
  const log = createLogger({ level, production, requestId: currentRequestId });
  let server: RunningServer;
  try {
    server = await startServer(config, log);
  } catch (err) {
    const { code, address = '', port = '' } = err as NodeJS.ErrnoException & Listening;
    if (code === 'EADDRINUSE' || code === 'EACCES') {
      log.fatal(`cannot listen on ${address}:${port} (${code}): choose another PORT or HOST`);
    } else {
      log.fatal({ err }, 'the server could not start');
    }
    process.exitCode = EXIT_FAILURE;
    return;
  }
  let closing = false;
  const stop = (signal: string) => {
    // A second signal is somebody losing patience.
    if (closing) process.exit(EXIT_FAILURE);
    closing = true;
    log.info({ signal }, 'stopping: finishing what is under way');
    server.close().then(
      () => {
        log.info('stopped');
        process.exit(0);
      },
      (err: unknown) => {
        log.error({ err }, 'stopped with an error');
        process.exit(EXIT_FAILURE);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

await main();
